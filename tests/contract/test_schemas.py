"""The published schemas: up to date with the code, valid, and true of what is sent and stored."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NewType

import jsonschema_rs
import msgspec
import pytest

from demo.main import product
from osteon.cli.schemas import documents
from osteon.messages import Command, MessageType
from osteon.messages.schemas import DIALECT, Definitions, message_schema
from osteon.model import Identifier, Misdeclared, Personal, Secret, Value
from tests.serving import ROOT

PUBLISHED = ROOT / "schemas"
DOCUMENTS = dict(documents(product))
ULID = "01J00000000000000000000000"

ThingId = NewType("ThingId", Identifier)


class Part(Value):
    """A part; `made_of` is None where nobody knows."""

    made_of: str | None = None


class MakeThing(Command[Part]):
    """Make a thing."""

    thing: ThingId
    size: Annotated[int, msgspec.Meta(ge=1, le=9)]
    kind: Literal["big", "small"] = "small"
    owner: Personal[str] | None = None
    token: Secret[str]
    parts: tuple[Part, ...] = ()
    code: Annotated[str, msgspec.Meta(pattern=r"^[a-z]+\Z")] = "a"
    marks: Annotated[tuple[ThingId, ...], msgspec.Meta(max_length=2)] = ()


SCHEMA = message_schema(MessageType(MakeThing, "things"))


def test_publishes_what_the_code_says() -> None:
    published = {str(path.relative_to(PUBLISHED)): path for path in PUBLISHED.rglob("*.json")}
    assert sorted(published) == sorted(DOCUMENTS), "Run './dev schemas'."
    for name, path in published.items():
        assert json.loads(path.read_text("utf-8")) == DOCUMENTS[name], f"Run './dev schemas': '{name}' has changed."


def test_folder_holds_nothing_else() -> None:
    assert {path.suffix for path in PUBLISHED.rglob("*") if path.is_file()} == {".json"}


def test_writes_the_same_bytes_every_time() -> None:
    assert json.dumps(dict(documents(product))) == json.dumps(DOCUMENTS)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if "/" in name])
def test_publishes_valid_schemas_of_the_dialect(name: str) -> None:
    document = DOCUMENTS[name]
    assert document["$schema"] == DIALECT
    jsonschema_rs.meta.validate(document)
    jsonschema_rs.validator_for(document)
    assert document["description"]


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if "/" in name])
def test_names_files_in_kebab_and_fields_in_camel(name: str) -> None:
    assert name == name.lower()
    assert "_" not in name
    for properties in all_properties(DOCUMENTS[name]):
        assert not [field for field in properties if "_" in field or not field[0].islower()]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "big"},
        {"owner": None},
        {"owner": "Ada"},
        {"parts": [{}, {"madeOf": "wood"}]},
        {"marks": [ULID, ULID]},
    ],
    ids=str,
)
def test_schema_takes_what_the_decoder_takes(fields: dict[str, Any]) -> None:
    whole = {"thing": ULID, "size": 1, "token": "t", **fields}
    assert decodes(whole)
    assert jsonschema_rs.is_valid(SCHEMA, whole)


@pytest.mark.parametrize(
    "fields",
    [
        {"size": 0},
        {"size": 10},
        {"size": "1"},
        {"kind": "huge"},
        {"owner": 1},
        {"parts": [{"madeOf": 1}]},
        {"marks": [ULID, ULID, ULID]},
        {"thing": None},
        {"code": "a\n"},
        {"token": None},
    ],
    ids=str,
)
def test_schema_refuses_what_the_decoder_refuses(fields: dict[str, Any]) -> None:
    whole = {"thing": ULID, "size": 1, "token": "t", **fields}
    assert not decodes(whole)
    assert not jsonschema_rs.is_valid(SCHEMA, whole)


def test_schema_refuses_what_is_no_identifier() -> None:
    assert not jsonschema_rs.is_valid(SCHEMA, {"thing": "x", "size": 1, "token": "t"})


def test_schema_refuses_fields_that_nobody_knows() -> None:
    assert not jsonschema_rs.is_valid(SCHEMA, {"thing": ULID, "size": 1, "token": "t", "more": 1})


def test_event_may_have_more_in_later_releases() -> None:
    assert "additionalProperties" not in DOCUMENTS["events/project-created.json"]


def test_derived_field_may_be_left_out() -> None:
    assert DOCUMENTS["commands/create-project.json"]["required"] == ["name"]
    assert DOCUMENTS["commands/rename-project.json"]["required"] == ["project", "name"]


def test_secret_is_only_written_and_says_so() -> None:
    token = SCHEMA["properties"]["token"]
    assert token == {"type": "string", "x-sensitivity": "secret", "format": "password", "writeOnly": True}


def test_description_speaks_the_words_of_json() -> None:
    assert SCHEMA["$defs"]["Part"]["description"] == "A part; `madeOf` is null where nobody knows."


def test_answer_has_all_its_fields() -> None:
    assert SCHEMA["$defs"]["Part"]["required"] == ["madeOf"]
    assert SCHEMA["$defs"]["PartGiven"]["required"] == []


def test_two_types_of_one_name_are_refused() -> None:
    definitions = Definitions("#/$defs/")
    definitions.schema(Part, given=False)
    with pytest.raises(Misdeclared, match="'Part'"):
        definitions.schema(msgspec.defstruct("Part", [("other", int)]), given=False)


def decodes(fields: dict[str, Any]) -> bool:
    """Whether the decoder that the gateway uses takes these fields."""
    try:
        MessageType(MakeThing, "things").decoder.decode(json.dumps(fields).encode())
    except msgspec.ValidationError:
        return False
    return True


def all_properties(schema: Any) -> Iterator[dict[str, Any]]:
    """The properties of a schema and of all schemas inside it."""
    if isinstance(schema, dict):
        known: dict[str, Any] = schema  # pyright: ignore[reportUnknownVariableType]
        if isinstance(known.get("properties"), dict):
            yield known["properties"]
        for each in known.values():
            yield from all_properties(each)
    elif isinstance(schema, list):
        for each in schema:  # pyright: ignore[reportUnknownVariableType]
            yield from all_properties(each)
