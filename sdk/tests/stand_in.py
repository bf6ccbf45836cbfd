"""Stand-ins for the platform: a transport that plays a script, the responses in it, and a clock that costs no time."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from osteon_sdk import Patience, Request, Response, Unreachable

Step = Response | Unreachable | Callable[[Request], Response]

LOST = Unreachable("The connection broke.")


class Script:
    """A transport that plays one step for each request, the last one for ever, and keeps what it was asked."""

    def __init__(self, *steps: Step) -> None:
        """Takes the steps."""
        self.steps = list(steps)
        self.asked: list[Request] = []
        self.closed = False

    async def exchange(self, request: Request) -> Response:
        """Plays the next step."""
        self.asked.append(request)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Unreachable):
            raise step
        return step if isinstance(step, Response) else step(request)

    async def close(self) -> None:
        """Notes that it was closed."""
        self.closed = True

    def headers(self, name: str) -> list[str | None]:
        """The values of a header, request by request."""
        return [request.headers.get(name) for request in self.asked]

    def bodies(self) -> list[Any]:
        """The bodies, request by request."""
        return [msgspec.json.decode(request.body) for request in self.asked]


class Watch:
    """A clock that is moved by waiting on it."""

    def __init__(self) -> None:
        """Begins at an odd hour."""
        self.time = 1000.0
        self.waits: list[float] = []

    def now(self) -> float:
        """The time."""
        return self.time

    async def rest(self, seconds: float) -> None:
        """Waits without waiting."""
        self.waits.append(seconds)
        self.time += seconds

    def patience(self, deadline: float = 30.0) -> Patience:
        """A patience on this clock, whose waits are as long as they can be."""
        return Patience(deadline=deadline, now=self.now, rest=self.rest, chance=lambda: 1.0)


def accepted(answer: Any = None, position: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """The response to an accepted command or an answered query."""
    body = {"verdict": "accepted", "answer": answer, "invocation": "01J0INVOCATION", "position": position}
    return Response(
        status=200,
        headers={"content-type": "application/json", **(headers or {})},
        body=msgspec.json.encode(body),
    )


def refused(status: int, key: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """The response that carries a problem."""
    return Response(
        status=status,
        headers={"content-type": "application/problem+json", **(headers or {})},
        body=msgspec.json.encode(problem(status, key, **more)),
    )


def problem(status: int, key: str, **more: Any) -> dict[str, Any]:
    """A problem as the platform writes it."""
    return {
        "type": f"/problems/{key}",
        "status": status,
        "key": key,
        "params": {},
        "retryable": status in (429, 503),
        "invocation": "01J0INVOCATION",
        **more,
    }


def bulk(*items: Mapping[str, Any]) -> Response:
    """The response to a bulk."""
    return Response(
        status=200, headers={"content-type": "application/json"}, body=msgspec.json.encode({"items": items})
    )


def item(answer: Any = None, position: str = "", *, replayed: bool = False) -> dict[str, Any]:
    """An accepted item of a bulk."""
    return {
        "status": 200,
        "replayed": replayed,
        "verdict": "accepted",
        "answer": answer,
        "invocation": "01J0INVOCATION",
        "position": position,
    }
