"""The Python client of Osteon: commands, queries and sessions over any transport."""

from osteon_sdk.client import Client
from osteon_sdk.contract import Call, Reply, Request, Response, Settling, Transport, call, new_id
from osteon_sdk.http import HttpTransport, connect
from osteon_sdk.patience import Patience
from osteon_sdk.problems import (
    Invalid,
    Limited,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    NotRun,
    OsteonError,
    OsteonProblem,
    Problem,
    Rejected,
    Unavailable,
    Unexpected,
    Unintelligible,
    Unreachable,
    Unsettled,
)
from osteon_sdk.session import Tokens

__all__ = [
    "Call",
    "Client",
    "HttpTransport",
    "Invalid",
    "Limited",
    "NotAuthenticated",
    "NotFound",
    "NotPermitted",
    "NotRun",
    "OsteonError",
    "OsteonProblem",
    "Patience",
    "Problem",
    "Rejected",
    "Reply",
    "Request",
    "Response",
    "Settling",
    "Tokens",
    "Transport",
    "Unavailable",
    "Unexpected",
    "Unintelligible",
    "Unreachable",
    "Unsettled",
    "call",
    "connect",
    "new_id",
]
