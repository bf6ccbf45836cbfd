"""What every profile is wired with alike."""

import msgspec
import structlog

from osteon.domain import Product
from osteon.ports.policies import Question, Rulebook

__all__ = ["report_policy_fault", "rulebook"]


def rulebook(product: Product) -> Rulebook:
    """Who may do what in a product, as the policies are given it."""
    roles = {role: {"policies": policies} for role, policies in product.role_policies().items()}
    data = {"roles": roles, "policies": product.policies(), "guests": product.guests()}
    return msgspec.convert(data, Rulebook)


def report_policy_fault(question: Question, fault: BaseException) -> None:
    """Logs what went wrong behind a refusal with the reason `policy-failed`."""
    structlog.get_logger("osteon.policies").error("a policy failed", type=question.type, fault=str(fault)[:500])
