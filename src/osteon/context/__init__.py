"""The invocation context: access, trace, toggles, and their codec. An argument everywhere, a global nowhere."""

from osteon.context.access import (
    Access,
    Account,
    Actor,
    Agent,
    ApiKeyProof,
    Authenticated,
    Authentication,
    Authorization,
    InternalProof,
    Origin,
    SessionProof,
    Unauthenticated,
)
from osteon.context.codec import ContextCodec, ForgedContext
from osteon.context.invocation import InvocationContext, Scope
from osteon.context.toggles import LOG_LEVEL, Toggle, Toggles
from osteon.context.trace import Trace, traceparent

__all__ = [
    "LOG_LEVEL",
    "Access",
    "Account",
    "Actor",
    "Agent",
    "ApiKeyProof",
    "Authenticated",
    "Authentication",
    "Authorization",
    "ContextCodec",
    "ForgedContext",
    "InternalProof",
    "InvocationContext",
    "Origin",
    "Scope",
    "SessionProof",
    "Toggle",
    "Toggles",
    "Trace",
    "Unauthenticated",
    "traceparent",
]
