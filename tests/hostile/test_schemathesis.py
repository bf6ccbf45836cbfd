"""Whatever the contract allows, and much that it does not, sent to a real server: what comes back is documented."""

from collections import Counter
from importlib import import_module
from time import monotonic
from typing import Any, NamedTuple

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import osteon
from osteon.gateway.openapi import openapi
from tests.hostile.people import ROLES, Asker, Place, Things
from tests.plain import product
from tests.serving import Server

CONTRACT = openapi(product, osteon.__version__)
PATHS = sorted(CONTRACT["paths"])
# Only the tenant that runs the installation has other tenants.
HOUSE_ONLY = {"/commands/open-tenant", "/queries/get-tenant", "/queries/list-tenant-history"}

FEW, MANY = 6, 200
TOKENS_LAST = 300.0
# What its cases and checks are generic over no annotation of ours can name.
Case = Any
GENERAL: Any = import_module("schemathesis.checks")
OF_CONTRACT: Any = import_module("schemathesis.specs.openapi.checks")
CHECKS = [
    GENERAL.not_a_server_error,
    OF_CONTRACT.status_code_conformance,
    OF_CONTRACT.content_type_conformance,
    OF_CONTRACT.response_headers_conformance,
    OF_CONTRACT.response_schema_conformance,
    OF_CONTRACT.negative_data_rejection,
    OF_CONTRACT.unsupported_method,
    OF_CONTRACT.allow_header_conformance,
]


class Askers:
    """The people who ask, and what they ask about; each logs in again before their tokens expire."""

    def __init__(self, server: Server) -> None:
        """Nobody yet."""
        self.server = server
        self._known: dict[tuple[str, bool], tuple[float, Asker, Things]] = {}

    def of(self, role: str, *, in_house: bool) -> tuple[Asker, Things]:
        """Somebody of a role, and things for them to ask about."""
        known = self._known.get((role, in_house))
        if known is None or monotonic() - known[0] > TOKENS_LAST:
            asker = Asker.of(self.server, role, in_house=in_house)
            known = self._known[role, in_house] = monotonic(), asker, Things(self.server, asker)
        _, asker, things = known
        things.reconnect()
        return asker, things


class Target(NamedTuple):
    """An operation, and somebody who sends things to it."""

    server: Server
    operation: Any
    asker: Asker
    things: Things
    session: requests.Session
    statuses: Counter[int]

    def send(self, case: Case, *, real: bool) -> None:
        """Sends one case, with real things in place of drawn identifiers if asked, and checks the answer."""
        headers = self.asker.headers
        if self.operation.path == "/commands/log-out":
            # Whoever logs out is out: a session for each that may succeed, an ended one for all else.
            headers = {**headers, "authorization": self.things.token() if real else ENDED}
        if real:
            self._make_real(case)
        response = case.call(base_url=f"http://127.0.0.1:{self.server.port}", headers=headers, session=self.session)
        self.statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    def _make_real(self, case: Case) -> None:
        for name in ("Osteon-Scope", "Osteon-After"):
            case.headers.pop(name, None)
        if self.asker.scope is not None:
            case.headers["Osteon-Scope"] = self.asker.scope
        if isinstance(case.body, dict):
            drawn: dict[str, Any] = {name: value for name, value in case.body.items() if name != "cursor"}  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            case.body = drawn | self.things.real(self.operation.path, self._schema)

    @property
    def _schema(self) -> dict[str, Any]:
        reference = CONTRACT["paths"][self.operation.path]["post"]["requestBody"]["content"]["application/json"]
        schema: dict[str, Any] = CONTRACT["components"]["schemas"][reference["schema"]["$ref"].rpartition("/")[2]]
        return schema


@pytest.fixture(scope="module")
def askers(place: Place) -> "Askers":
    """The people who ask."""
    return Askers(place.server)


@pytest.fixture(scope="module")
def operations() -> dict[str, Any]:
    """The operations of the contract, by path."""
    schema: Any = schemathesis.openapi.from_dict(CONTRACT)
    schema.validate()
    return {found.ok().path: found.ok() for found in schema.get_all_operations()}


@pytest.mark.parametrize("path", PATHS)
def test_answers_only_what_the_contract_documents(path: str, operations: dict[str, Any], askers: "Askers") -> None:
    attack(path, operations, askers, FEW)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", PATHS)
def test_answers_only_what_the_contract_documents_at_length(
    path: str, operations: dict[str, Any], askers: "Askers"
) -> None:
    attack(path, operations, askers, MANY)


def attack(path: str, operations: dict[str, Any], askers: "Askers", examples: int) -> None:
    """Sends drawn cases to one operation as each role; at least one must succeed."""
    statuses: Counter[int] = Counter()
    with requests.Session() as session:
        for role in ROLES:
            asker, things = askers.of(role, in_house=path in HOUSE_ONLY and role == "administrator")
            target = Target(askers.server, operations[path], asker, things, session, statuses)
            cover(target)
            draw(target, examples)
    assert any(200 <= status < 300 for status in statuses), statuses


def cover(target: Target) -> None:
    """Sends the cases at the boundaries of the schema; the administrator alone, for they are the same for all."""
    if target.asker.role != "administrator":
        return
    schema = target.operation.schema
    modes = [schemathesis.GenerationMode.NEGATIVE]
    generation = schema.config.generation_for(operation=target.operation)
    for case in schema.iter_coverage_cases(target.operation, generation_modes=modes, generation_config=generation):
        target.send(case, real=False)


def draw(target: Target, examples: int) -> None:
    """Sends drawn cases: valid ones, with real identifiers or drawn ones, and invalid ones."""
    valid = target.operation.as_strategy()
    invalid = target.operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
    kinds = st.one_of(
        st.tuples(valid, st.just(True)), st.tuples(valid, st.just(False)), st.tuples(invalid, st.just(False))
    )

    @seed(len(target.operation.path))
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(kinds)
    def send(drawn: tuple[Case, bool]) -> None:
        case, real = drawn
        target.send(case, real=real)

    send()


ENDED = "Bearer ended"
