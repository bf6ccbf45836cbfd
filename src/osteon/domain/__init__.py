"""What a module author writes with: deciders, views, reactions, the edge, modules, products."""

from osteon.domain.decider import Decider
from osteon.domain.decision import Accepted, Decision, Rejected, accept, reject
from osteon.domain.gate import Answer, Prepare, Present
from osteon.domain.history import Change, EntityHistory
from osteon.domain.module import Limit, Module, Part
from osteon.domain.product import Product
from osteon.domain.reaction import Ask, Reaction
from osteon.domain.role import ADMINISTRATOR, CONTRIBUTOR, MEMBER, READER, STANDARD_ROLES, Role
from osteon.domain.saga import Advanced, Asked, Dues, Refusal, Saga, Step, Woken
from osteon.domain.view import Browse, Contains, Find, Index, Page, Row, View

__all__ = [
    "ADMINISTRATOR",
    "CONTRIBUTOR",
    "MEMBER",
    "READER",
    "STANDARD_ROLES",
    "Accepted",
    "Advanced",
    "Answer",
    "Ask",
    "Asked",
    "Browse",
    "Change",
    "Contains",
    "Decider",
    "Decision",
    "Dues",
    "EntityHistory",
    "Find",
    "Index",
    "Limit",
    "Module",
    "Page",
    "Part",
    "Prepare",
    "Present",
    "Product",
    "Reaction",
    "Refusal",
    "Rejected",
    "Role",
    "Row",
    "Saga",
    "Step",
    "View",
    "Woken",
    "accept",
    "reject",
]
