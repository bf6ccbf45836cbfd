"""Operations: what clients can ask of a product, each with all that the gateway must know to have it done."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from osteon.domain import Prepare, Product
from osteon.gateway.limits import Guard
from osteon.messages import MessageType
from osteon.model import Refused, Secret, is_identifier

__all__ = ["Item", "Operation", "Outcome", "action_of", "key_of", "operations_of"]

_UUID = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class Operation(msgspec.Struct, frozen=True):
    """A public command or query.

    Attributes:
        message: Its type.
        creates: The wire name of the field with the identifier of what the command makes; None where it makes nothing.
        prepare: What happens at the edge before the command is decided.
        guard: Limits how often the command is asked about one thing.
        secrets: The fields that no fingerprint may depend on.
    """

    message: MessageType
    name: str
    also_in: str | None
    creates: str | None = None
    prepare: Prepare | None = None
    guard: Guard | None = None
    secrets: frozenset[str] = frozenset()


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One invocation of a request: the only one, or an item of a bulk."""

    type: str
    key: str | None = None
    scope: str | None = None
    after: str | None = None
    action: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"{}")


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What one invocation came to: status and JSON body, and whether the verdict was recorded before."""

    status: int
    body: bytes
    replayed: bool = False
    problem: Any = None


def operations_of(product: Product, monotonic: Callable[[], float]) -> dict[str, dict[str, Operation]]:
    """Every operation by the first part of its path, `commands` or `queries`, and by its name."""
    limits = {limit.command: limit for module in product.modules for limit in module.limits}
    found: dict[str, dict[str, Operation]] = {"commands": {}, "queries": {}}
    for message in product.catalogue:
        if message.public:
            limit = limits.get(message.type)
            found["commands" if message.kind == "command" else "queries"][message.name] = Operation(
                message=message,
                name=message.name,
                also_in=message.also_in,
                creates=_creates(product, message),
                prepare=product.preparing.get(message.type),
                guard=Guard(limit, monotonic) if limit is not None else None,
                secrets=_secrets(message),
            )
    return found


def key_of(key: str | None) -> str:
    """The external invocation ID: a ULID or a UUID.

    Raises:
        Refused: `key-missing`, `invalid-key`.
    """
    if not key:
        raise Refused("key-missing", header="Idempotency-Key")
    if is_identifier(key):
        return key
    if _UUID.fullmatch(key) is None:
        raise Refused("invalid-key", header="Idempotency-Key")
    return key.lower()


def action_of(action: str) -> str:
    """What a person did, as the client names it: a ULID or a UUID.

    Raises:
        Refused: `invalid-header`.
    """
    if not is_identifier(action) and _UUID.fullmatch(action) is None:
        raise Refused("invalid-header", header="Osteon-Action")
    return action


def _creates(product: Product, message: MessageType) -> str | None:
    decider = product.deciders.get(message.type)
    if decider is None or not issubclass(message.type, decider.creating):
        return None
    return message.fields[decider.entity]


def _secrets(message: MessageType) -> frozenset[str]:
    hints = message.type.__annotations__
    return frozenset(name for name, hint in hints.items() if "Secret[" in str(hint) or hint is Secret)
