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
from osteon.domain.sink import Away, Occurrence, Sink
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
    "Away",
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
    "Occurrence",
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
    "Sink",
    "Step",
    "View",
    "Woken",
    "accept",
    "reject",
]
