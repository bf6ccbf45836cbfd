"""The vocabulary: identifiers, values, sensitive values, problems. Imports nothing of Osteon."""

from osteon.model.codec import Decoder, Leak, answer_json, decoder, record_json
from osteon.model.identifiers import (
    HOUSE,
    AccountId,
    Identifier,
    Identifiers,
    InvocationId,
    MessageId,
    ScopeId,
    SessionId,
    TenantId,
    is_identifier,
    milliseconds,
    named,
)
from osteon.model.problems import Misdeclared, OsteonError, Problem, Refused
from osteon.model.sensitive import Personal, Sealed, Secret, Sensitive, plain
from osteon.model.values import Shape, Value, replace

__all__ = [
    "HOUSE",
    "AccountId",
    "Decoder",
    "Identifier",
    "Identifiers",
    "InvocationId",
    "Leak",
    "MessageId",
    "Misdeclared",
    "OsteonError",
    "Personal",
    "Problem",
    "Refused",
    "ScopeId",
    "Sealed",
    "Secret",
    "Sensitive",
    "SessionId",
    "Shape",
    "TenantId",
    "Value",
    "answer_json",
    "decoder",
    "is_identifier",
    "milliseconds",
    "named",
    "plain",
    "record_json",
    "replace",
]
