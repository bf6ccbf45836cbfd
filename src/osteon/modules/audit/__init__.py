"""Audit: what an account did and looked at, over the history and the access log."""

from osteon.domain import MEMBER, Answer, Module
from osteon.modules.audit.trail import ListMyInvocations, list_my_invocations

__all__ = ["audit"]

audit = Module("audit", parts=[Answer(list_my_invocations)], grants={MEMBER: [ListMyInvocations]})
