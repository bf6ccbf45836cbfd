"""A platform of one tenant and one module, in memory: just enough of the wire for the suite to prove itself on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec

from osteon_sdk import Request, Response, new_id
from sdk.tests.suite import Person

Json = dict[str, Any]

FIELDS = {
    "log-in": {"email", "password"},
    "refresh-session": {"refreshToken"},
    "log-out": set[str](),
    "create-project": {"project", "name"},
    "rename-project": {"project", "name"},
    "archive-project": {"project"},
    "restore-project": {"project"},
    "move-project": {"project", "destination"},
    "get-project": {"project"},
    "list-project-history": {"project"},
    "list-projects": set[str](),
}
OPTIONAL = {"list-projects": {"name", "archived"}}
PAGE = {"limit", "cursor"}


class Refusal(Exception):
    """Raised where the platform refuses."""

    def __init__(self, status: int, key: str) -> None:
        """Keeps what is told."""
        super().__init__(key)
        self.body: Json = {"status": status, "key": key, "type": f"/problems/{key}", "params": {}, "retryable": False}


class SmallPlatform:
    """A transport that is its own platform. It has a person, their scopes, and projects."""

    def __init__(self, person: Person) -> None:
        """Opens with one person and no project."""
        self._person = person
        self._projects: dict[str, Json] = {}
        self._history: dict[str, list[str]] = {}
        self._verdicts: dict[tuple[str, str], tuple[bytes, Json]] = {}
        self._session: str | None = None
        self._numbers = count(1)

    async def exchange(self, request: Request) -> Response:
        """Answers a single call or a bulk."""
        body = msgspec.json.decode(request.body)
        _, kind, *type = request.path.split("/")
        if not type:
            items = self._bulk(kind, request, body)
            return _response({"status": 200, "items": items})
        headers = request.headers
        call = {
            "type": type[0],
            "body": body,
            "key": headers.get("Idempotency-Key"),
            "scope": headers.get("Osteon-Scope"),
        }
        return _response(self._outcome(kind, request, call))

    async def close(self) -> None:
        """Has nothing to close."""

    def _bulk(self, kind: str, request: Request, body: Json) -> list[Json]:
        outcomes: list[Json] = []
        for item in body["items"]:
            failed = any(outcome["status"] != 200 for outcome in outcomes)
            stopped = body["stop"] and failed
            outcomes.append(Refusal(424, "not-run").body if stopped else self._outcome(kind, request, item))
        return outcomes

    def _outcome(self, kind: str, request: Request, call: Json) -> Json:
        try:
            self._admit(request, call)
            answer = self._decide if kind == "commands" else self._answer
            return answer(call)
        except Refusal as refusal:
            return refusal.body

    def _admit(self, request: Request, call: Json) -> None:
        known = FIELDS.get(call["type"])
        if known is None:
            raise Refusal(404, "unknown-type")
        if call["type"] not in ("log-in", "refresh-session"):
            if request.headers.get("Authorization") != f"Bearer {self._session}":
                raise Refusal(401, "not-authenticated")
            if call.get("scope") == self._person.beyond:
                raise Refusal(403, "not-permitted")
        extra = set(call["body"]) - known
        allowed = OPTIONAL.get(call["type"], set[str]()) | (PAGE if call["type"].startswith("list") else set[str]())
        if known - set(call["body"]) or extra - allowed or not isinstance(call["body"].get("limit", 1), int):
            raise Refusal(422, "invalid")

    def _decide(self, call: Json) -> Json:
        recorded = self._verdicts.get(place := (call["key"], call["body"].get("project", "")))
        print_ = msgspec.json.encode([call["type"], call.get("scope"), call["body"]], order="sorted")
        if recorded is not None:
            if recorded[0] != print_:
                raise Refusal(422, "reused-key")
            return recorded[1] | {"replayed": True}
        try:
            outcome = self._accepted(self._act(call))
        except Refusal as refusal:
            outcome = refusal.body | {"invocation": new_id()}
        self._verdicts[place] = print_, outcome
        return outcome

    def _accepted(self, answer: Any) -> Json:
        position = str(next(self._numbers))
        return {"status": 200, "verdict": "accepted", "answer": answer, "invocation": new_id(), "position": position}

    def _act(self, call: Json) -> Json | None:
        body: Json = call["body"]
        match call["type"]:
            case "log-in":
                if (body["email"], body["password"]) != (self._person.email, self._person.password):
                    raise Refusal(401, "identity.not-recognised")
                return self._tokens()
            case "refresh-session":
                if self._session is None or body["refreshToken"] != f"{self._session}-refresh":
                    raise Refusal(401, "identity.session-ended")
                return self._tokens()
            case "log-out":
                self._session = None
            case "create-project":
                if body["project"] in self._projects:
                    raise Refusal(409, "projects.already-exists")
                self._projects[body["project"]] = {
                    **body,
                    "scope": call.get("scope"),
                    "archived": False,
                    "reason": None,
                }
                self._history[body["project"]] = [call["type"]]
            case _:
                self._change(call, self._projects.get(body["project"]))
        return None

    def _change(self, call: Json, project: Json | None) -> None:
        if project is None or project["scope"] != call.get("scope"):
            raise Refusal(404, "projects.not-found")
        if call["type"] == "rename-project" and project["archived"]:
            raise Refusal(409, "projects.archived")
        changes: dict[str, Callable[[Json], Json]] = {
            "rename-project": lambda body: {"name": body["name"]},
            "archive-project": lambda _: {"archived": True},
            "restore-project": lambda _: {"archived": False},
            "move-project": lambda body: {"scope": body["destination"]},
        }
        project.update(changes[call["type"]](call["body"]))
        self._history[project["project"]].append(call["type"])

    def _answer(self, call: Json) -> Json:
        body: Json = call["body"]
        if call["type"] == "list-projects":
            return self._accepted(_page(list(filter(_matching(call), self._projects.values())), body))
        if body["project"] not in self._projects:
            raise Refusal(404, "projects.not-found")
        if call["type"] == "get-project":
            return self._accepted(self._projects[body["project"]])
        return self._accepted(_page(self._history[body["project"]], body))

    def _tokens(self) -> Json:
        self._session = new_id()
        return {
            "accessToken": self._session,
            "refreshToken": f"{self._session}-refresh",
            "expiresAt": datetime.now(UTC) + timedelta(minutes=15),
        }


def _matching(call: Json) -> Callable[[Json], bool]:
    archived = call["body"].get("archived", False)

    def matches(row: Json) -> bool:
        named = call["body"].get("name", "") in row["name"]
        return named and row["scope"] == call.get("scope") and archived in (None, row["archived"])

    return matches


def _page(rows: list[Any], body: Json) -> Json:
    start = int(body.get("cursor", 0))
    end = start + int(body.get("limit", 20))
    return {"items": rows[start:end], "next": str(end) if end < len(rows) else None}


def _response(outcome: Json) -> Response:
    form = "application/json" if outcome["status"] == 200 else "application/problem+json"
    headers = {"content-type": form, "idempotency-replayed": "true" if outcome.get("replayed") else "false"}
    return Response(status=outcome["status"], headers=headers, body=msgspec.json.encode(outcome))
