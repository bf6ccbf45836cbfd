"""The history of an entity, as every entity of every module has it without its author asking."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from osteon.domain.view import Page
from osteon.messages import Query
from osteon.model import AccountId, Identifier, InvocationId, Shape, Value

__all__ = ["Change", "EntityHistory", "history_query"]


class Change(Value):
    """One thing that happened to an entity: what, when, by whom, in which invocation, with the original data."""

    event: str
    data: dict[str, Any]
    at: datetime
    account: AccountId | None
    on_behalf_of: AccountId | None
    invocation: InvocationId
    position: str


class EntityHistory(Query[Page[Change]]):
    """Asks for the changes of one entity, oldest first."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    cursor: str | None = None


def history_query(entity: str) -> type[EntityHistory]:
    """The query for the history of one kind of entity: `list-project-history`, with a field `project`."""
    name = "List" + "".join(word.capitalize() for word in entity.split("_")) + "History"
    words = entity.replace("_", " ")
    namespace = {
        "__annotations__": {entity: Identifier},
        "__doc__": f"Every change of one {words}, oldest first: who, when, how, with the original data.",
        "__module__": __name__,
    }
    made: type[EntityHistory] = Shape(name, (EntityHistory,), namespace)
    return made
