"""Deciding: what the engine answers by itself, and what it asks a decider. Pure, and the same wherever a command is decided."""

from typing import Any

import msgspec

from osteon.context import InvocationContext
from osteon.domain import Accepted, Decider, Decision, Product, Rejected
from osteon.messages import Verdict, wire_name
from osteon.model import Problem

__all__ = ["CommandKind", "command_kind", "judge"]

AnyDecider = Decider[Any, Any, Any, Any, Any]


class CommandKind(msgspec.Struct, frozen=True):
    """A type of command: its wire name, who decides it, and whether it can make its entity, or change one that is there."""

    name: str
    creates: bool
    changes: bool
    decider: AnyDecider
    entity: str
    not_found: Problem
    already_exists: Problem


def command_kind(product: Product, command: type[Any]) -> CommandKind:
    """What is known of a command that some decider of the product decides."""
    decider = product.deciders[command]
    module = product.module_of(decider)
    return CommandKind(
        name=product.catalogue[wire_name(command)].name,
        creates=issubclass(command, decider.creating),
        changes=issubclass(command, decider.deciding),
        decider=decider,
        entity=decider.entity,
        not_found=Problem(key=f"{module}.not-found"),
        already_exists=Problem(key=f"{module}.already-exists"),
    )


def judge(kind: CommandKind, state: Any, command: Any, context: InvocationContext) -> tuple[Verdict, Decision]:
    """The verdict on a command for an entity with that state, None where there is none; whatever a decider raises passes."""
    if state is None:
        if not kind.creates:
            return "rejected", Rejected(problem=kind.not_found)
        decision = kind.decider.create(command, context)
    elif not kind.changes:
        return "rejected", Rejected(problem=kind.already_exists)
    elif getattr(state, "scope", context.scope.root) != context.scope.id:
        return "rejected", Rejected(problem=kind.not_found)
    else:
        assert kind.decider.decide is not None
        decision = kind.decider.decide(command, state, context)
    return ("accepted" if isinstance(decision, Accepted) else "rejected"), decision
