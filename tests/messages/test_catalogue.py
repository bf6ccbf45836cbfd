"""The catalogue: every message under one name, by the rules."""

from typing import Annotated

import msgspec
import pytest

from osteon.domain import Browse, Page, Row
from osteon.messages import Catalogue, Command, Event, Message, MessageType, Query, wire_name
from osteon.model import Identifier, Misdeclared, ScopeId


class CreateProject(Command[str]):
    """Create."""

    project: Identifier
    other_scopes: tuple[ScopeId, ...] = ()
    parent: ScopeId | None = None
    name: Annotated[str, msgspec.Meta(max_length=3)] = ""


class ProjectRow(Row):
    """A row."""

    project: Identifier


class ListProjects(Browse[ProjectRow]):
    """List."""


def catalogued(*types: type[Message]) -> Catalogue:
    return Catalogue(MessageType(type, "projects") for type in types)


def test_wire_names_are_in_kebab_case() -> None:
    class ParseHTTPHeader(Command[None]):
        """Parse."""

    assert wire_name(CreateProject) == "create-project"
    assert wire_name(ParseHTTPHeader) == "parse-http-header"


def test_a_type_knows_its_fields_and_answer() -> None:
    message = MessageType(CreateProject, "projects")
    assert message.fields == {"project": "project", "other_scopes": "otherScopes", "parent": "parent", "name": "name"}
    assert message.identifiers == ("project", "other_scopes", "parent")
    assert (message.kind, message.public, message.answer) == ("command", True, str)


def test_the_answer_is_found_through_generic_classes() -> None:
    assert MessageType(ListProjects, "projects").answer == Page[ProjectRow]


def test_a_name_belongs_to_one_type() -> None:
    def other() -> type[Message]:
        class CreateProject(Command[None]):
            """Another."""

        return CreateProject

    with pytest.raises(Misdeclared, match="'create-project' is declared twice"):
        catalogued(CreateProject, other())
    assert len(list(catalogued(CreateProject, CreateProject))) == 1


def test_an_event_in_the_present_tense_is_refused() -> None:
    class CreateThing(Event):
        """Wrong."""

    with pytest.raises(Misdeclared, match="past tense"):
        catalogued(CreateThing)


def test_a_name_of_one_word_is_refused() -> None:
    class Create(Query[None]):
        """Wrong."""

    with pytest.raises(Misdeclared, match="whole phrase"):
        catalogued(Create)


def test_a_type_without_docstring_is_refused() -> None:
    class CreateThing(Command[None]):
        thing: str

    with pytest.raises(Misdeclared, match="needs a docstring"):
        catalogued(CreateThing)


def test_internal_types_are_not_public() -> None:
    class OpenThing(Command[None], internal=True):
        """Inside."""

    class OpenThingAgain(OpenThing):
        """Inside too."""

    assert not MessageType(OpenThing, "things").public
    assert not MessageType(OpenThingAgain, "things").public
