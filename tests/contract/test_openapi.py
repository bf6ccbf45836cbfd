"""The OpenAPI document: whole, valid, and telling of every operation what the wire promises."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

import osteon
from demo.main import product
from osteon.gateway import problems
from osteon.gateway.meanings import MEANINGS, STATUSES
from osteon.gateway.openapi import openapi
from osteon.gateway.problems import status_of
from osteon.model import Problem

CONTRACT = openapi(product, osteon.__version__)
OPERATIONS = {path: methods["post"] for path, methods in CONTRACT["paths"].items()}
COMMANDS = [path for path in OPERATIONS if path.startswith("/commands/")]
QUERIES = [path for path in OPERATIONS if path.startswith("/queries/")]


def test_is_a_valid_document_of_openapi() -> None:
    assert CONTRACT["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(CONTRACT).validate()


def test_every_reference_leads_somewhere() -> None:
    for reference in references(CONTRACT):
        at: Any = CONTRACT
        for name in reference.removeprefix("#/").split("/"):
            at = at[name]


def test_nothing_is_defined_that_nobody_uses() -> None:
    used = {tuple(reference.split("/")[2:4]) for reference in references(CONTRACT)}
    defined = {
        (kind, name) for kind, names in CONTRACT["components"].items() if kind != "securitySchemes" for name in names
    }
    assert defined - used == set()


def test_every_schema_is_valid() -> None:
    for schema in CONTRACT["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": CONTRACT["jsonSchemaDialect"], **schema})


def test_every_type_that_anybody_may_ask_is_there() -> None:
    granted = {name for names in product.policies().values() for name in names} | set(product.guests())
    assert {path.rpartition("/")[2] for path in (*COMMANDS, *QUERIES)} == granted


def test_nothing_internal_is_there() -> None:
    internal = {
        message.type.__name__ for message in product.catalogue if not message.public and message.kind != "event"
    }
    assert internal
    assert not internal & set(CONTRACT["components"]["schemas"])


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z][A-Za-z]+", name) for name in names)


@pytest.mark.parametrize("path", OPERATIONS)
def test_paths_are_in_kebab_case(path: str) -> None:
    assert re.fullmatch("/(commands|queries)(/[a-z]+(-[a-z]+)+)?", path)


@pytest.mark.parametrize("path", OPERATIONS)
def test_operations_say_what_they_are_for(path: str) -> None:
    operation = OPERATIONS[path]
    assert operation["summary"]
    assert operation["description"]
    assert set(operation["tags"]) <= {tag["name"] for tag in CONTRACT["tags"]}


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_needs_its_key(path: str) -> None:
    headers = {header["name"]: header["required"] for header in parameters(path)}
    assert headers["Idempotency-Key"]
    assert not headers["Osteon-Scope"]
    assert not headers["Osteon-Action"]
    assert "Osteon-After" not in headers


@pytest.mark.parametrize("path", QUERIES)
def test_a_query_may_wait_for_a_position(path: str) -> None:
    headers = {header["name"]: header["required"] for header in parameters(path)}
    assert headers == {"Idempotency-Key": False, "Osteon-Scope": False, "Osteon-Action": False, "Osteon-After": False}


@pytest.mark.parametrize("path", OPERATIONS)
def test_only_guests_need_no_token(path: str) -> None:
    operation = OPERATIONS[path]
    open_to_all = path.rpartition("/")[2] in {*product.guests(), "commands", "queries"}
    assert operation["security"] == ([{}, {"token": []}] if open_to_all else [{"token": []}])


@pytest.mark.parametrize("path", OPERATIONS)
def test_every_refusal_is_a_problem(path: str) -> None:
    responses = OPERATIONS[path]["responses"]
    assert {"200", "400", "401", "404", "413", "415", "422", "429", "500", "503"} <= set(responses)
    assert ("409" in responses) == (path in COMMANDS)
    for status in set(responses) - {"200"}:
        response = CONTRACT["components"]["responses"][responses[status]["$ref"].rpartition("/")[2]]
        assert list(response["content"]) == ["application/problem+json"]


def test_every_problem_of_the_platform_has_a_meaning() -> None:
    assert set(MEANINGS) == set(vars(problems)["_STATUS"])
    assert {status_of(Problem(key=key)) for key in MEANINGS} <= set(STATUSES)


def references(part: Any) -> Iterator[str]:
    """Every reference in a document, those in discriminators too."""
    if isinstance(part, dict):
        known: dict[str, Any] = part  # pyright: ignore[reportUnknownVariableType]
        for name, each in known.items():
            if name in {"$ref", "mapping"}:
                yield from [each] if isinstance(each, str) else each.values()
            else:
                yield from references(each)
    elif isinstance(part, list):
        for each in part:  # pyright: ignore[reportUnknownVariableType]
            yield from references(each)


def parameters(path: str) -> list[dict[str, Any]]:
    """The headers of an operation."""
    known = CONTRACT["components"]["parameters"]
    return [known[each["$ref"].rpartition("/")[2]] for each in OPERATIONS[path]["parameters"]]
