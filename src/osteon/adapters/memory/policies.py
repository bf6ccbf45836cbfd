"""Policies in plain Python: for tests, as the smallest example of the port, and as a second opinion on the Rego."""

import contextlib

from osteon.ports.policies import FAILED, Question, Report, Rulebook, Ruling

__all__ = ["MemoryPolicies"]


class MemoryPolicies:
    """Rules by a rulebook that it holds as sets."""

    def __init__(self, rulebook: Rulebook, report: Report) -> None:
        """Rules by `rulebook`; faults go to `report`."""
        self._report = report
        self._guests = frozenset(rulebook.guests)
        self._known = frozenset(permission for policy in rulebook.policies.values() for permission in policy)
        self._permissions = {
            role: frozenset(permission for policy in bundle.policies for permission in rulebook.policies[policy])
            for role, bundle in rulebook.roles.items()
        }

    def decide(self, question: Question) -> Ruling:
        try:
            return self._rule(question)
        except BaseException as fault:  # noqa: BLE001  # the port promises an answer, whatever happens
            with contextlib.suppress(Exception):
                self._report(question, fault)
            return FAILED

    def _rule(self, question: Question) -> Ruling:
        if question.type in self._guests:
            return Ruling(allowed=True, reason="guest")
        if question.type not in self._known:
            return Ruling(allowed=False, reason="unknown-type")
        if question.guest:
            return Ruling(allowed=False, reason="guests-not-allowed")

        active, granting = self._roles(question, question.path)
        if not granting:
            return Ruling(allowed=False, reason="not-granted" if active else "no-role-here")
        if question.also is not None:
            active, granting_there = self._roles(question, question.also)
            if not granting_there:
                return Ruling(allowed=False, reason="not-granted-there" if active else "no-role-there")
        return Ruling(allowed=True, reason="granted", role=min(granting))

    def _roles(self, question: Question, path: tuple[str, ...]) -> tuple[set[str], set[str]]:
        active = {held.role for held in question.roles if held.scope in path}
        return active, {role for role in active if question.type in self._permissions.get(role, ())}
