"""Policies: may this account invoke this, here?

A `Question` holds facts only; what follows from them (roles cascade down the tree of scopes, a command that touches two
scopes needs both) is the policy's to say. There is neither time nor address in it, so a ruling stays true for as long
as the roles held and the tree of scopes do, and may be kept for as long.
"""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import msgspec

from osteon.model.problems import Misdeclared

__all__ = ["FAILED", "Bundle", "Policies", "Question", "Reason", "Report", "RoleHeld", "Rulebook", "Ruling"]

Reason = Literal[
    "granted",
    "guest",  # open to everyone, with or without a log-in
    "unknown-type",  # neither a policy nor the guests' list mentions the type
    "guests-not-allowed",
    "no-role-here",  # no role is active in the scope of the invocation
    "not-granted",  # roles are active there, none grants the type
    "no-role-there",  # the same two for the second scope of a command that touches two
    "not-granted-there",
    "policy-failed",  # the policy gave no answer, which is a refusal
]


class RoleHeld(msgspec.Struct, frozen=True):
    """A role, and the scope it is held in."""

    role: str
    scope: str


class Question(msgspec.Struct, frozen=True):
    """What is known about an invocation when it is asked whether it may happen."""

    type: str
    """The wire name of a command or query, such as `create-project`."""
    roles: tuple[RoleHeld, ...]
    """All roles that the account holds in the tenant, in whatever scope."""
    path: tuple[str, ...]
    """Scopes from the tenant's root down to the scope of the invocation, both included."""
    also: tuple[str, ...] | None = None
    """The same for the second scope of a command that touches two, such as the destination of a move."""
    guest: bool = False
    """Whether nobody is logged in."""


class Ruling(msgspec.Struct, frozen=True):
    """The answer, and why."""

    allowed: bool
    reason: Reason
    role: str | None = None
    """The role that granted; where several did, the first by name."""


FAILED = Ruling(allowed=False, reason="policy-failed")


class Bundle(msgspec.Struct, frozen=True):
    """What a role is: a bundle of policies, by name."""

    policies: tuple[str, ...]


class Rulebook(msgspec.Struct, frozen=True):
    """What the product declares, given to the policy once at start.

    Raises:
        Misdeclared: A role bundles a policy that is not there.
    """

    roles: Mapping[str, Bundle]
    policies: Mapping[str, tuple[str, ...]]
    """Each policy's permissions: the wire names of commands and queries."""
    guests: tuple[str, ...] = ()
    """The types that need no log-in."""

    def __post_init__(self) -> None:
        """Refuses a role that would silently grant less than its author meant."""
        for role, bundle in self.roles.items():
            for policy in bundle.policies:
                if policy not in self.policies:
                    message = (
                        f"The role '{role}' bundles the policy '{policy}', which is not defined: define or remove it."
                    )
                    raise Misdeclared(message)


Report = Callable[[Question, BaseException], None]
"""Told of each fault behind a `policy-failed`, with the question that met it; what it raises is dropped."""


class Policies(Protocol):
    """Rules on questions, by a rulebook given at start. May be asked from any thread."""

    def decide(self, question: Question) -> Ruling:
        """Rules on one question.

        Never raises, whatever the question holds: a fault is reported, and refused with the reason `policy-failed`.
        """
        ...
