"""What can go wrong, as exceptions.

OsteonError
├── OsteonProblem             the platform refused, and said why
│   ├── Invalid               400, 405, 413, 415, 422   the request is malformed, or reuses a key for something else
│   ├── NotAuthenticated      401   nobody is logged in, or what was given did not match
│   ├── NotPermitted          403   the person may not do this here
│   ├── NotFound              404   no such thing in this scope
│   ├── Rejected              409   the rules of the domain say no
│   ├── NotRun                424   an earlier item failed, and the bulk was to stop there
│   ├── Limited               429   too much at once; later
│   ├── Unexpected            500   a fault of the platform; report it with its invocation
│   └── Unavailable           503   not now; `unavailable` means maybe, and a retry learns what became of it
├── Unreachable               no answer came in time; a retry under the same key learns what became of it
└── Unintelligible            the answer is none of Osteon's
"""

from typing import Any

from msgspec import Struct

__all__ = [
    "Invalid",
    "Limited",
    "NotAuthenticated",
    "NotFound",
    "NotPermitted",
    "NotRun",
    "OsteonError",
    "OsteonProblem",
    "Problem",
    "Rejected",
    "Unavailable",
    "Unexpected",
    "Unintelligible",
    "Unreachable",
    "Unsettled",
    "problem_error",
]


class OsteonError(Exception):
    """Anything this client raises on purpose."""


class Problem(Struct, frozen=True, kw_only=True):
    """What the platform says about a refusal (RFC 9457)."""

    status: int
    key: str
    """Names the reason, such as `projects.archived`; your words for people hang on it."""
    type: str = "about:blank"
    """The path of the page that explains it."""
    params: dict[str, Any] = {}
    """The values that belong into the words, names in snake_case."""
    retryable: bool = False
    """Whether the same call may succeed later."""
    invocation: str | None = None
    """The invocation's ID, to be given in a report."""
    replayed: bool = False
    """Whether this was the verdict before, under the same key."""
    idempotency_key: str | None = None
    """The key of the command that was refused."""


class OsteonProblem(OsteonError):
    """Raised when the platform refuses. Catch the one you can do something about."""

    def __init__(self, problem: Problem) -> None:
        """Takes over what the platform said."""
        self.problem = problem
        self.status = problem.status
        self.key = problem.key
        self.params = problem.params
        self.retryable = problem.retryable
        self.invocation = problem.invocation
        self.replayed = problem.replayed
        self.idempotency_key = problem.idempotency_key
        super().__init__(problem)

    def __str__(self) -> str:
        """One line for a developer."""
        params = f", {self.params}" if self.params else ""
        return f"{self.key} ({self.status}{params}, invocation {self.invocation})"


class Invalid(OsteonProblem):
    """Raised when the request is malformed, too large, or reuses a key for something else (`reused-key`)."""


class NotAuthenticated(OsteonProblem):
    """Raised when nobody is logged in, the session has ended, or what was given did not match."""


class NotPermitted(OsteonProblem):
    """Raised when the person may not do this in this scope."""


class NotFound(OsteonProblem):
    """Raised when the type is unknown, or the thing missing or in another scope: the platform does not say which."""


class Rejected(OsteonProblem):
    """Raised when the rules of the domain say no. The verdict is recorded and final."""


class NotRun(OsteonProblem):
    """Raised when an earlier item of a bulk failed, and the bulk was to stop there."""


class Limited(OsteonProblem):
    """Raised when a rate or a quota is used up for longer than the client waits."""


class Unexpected(OsteonProblem):
    """Raised at a fault of the platform. It knows the circumstances by the invocation."""


class Unavailable(OsteonProblem):
    """Raised when the platform cannot serve this for longer than the client waits."""


class Unsettled(OsteonError):
    """Raised when a saga takes longer to settle something than its client has patience."""

    def __init__(self, saga: str, about: str) -> None:
        """Tells which saga, and about what."""
        super().__init__(f"The saga '{saga}' about '{about}' is not settled yet; ask again later.")
        self.saga = saga
        self.about = about


class Unreachable(OsteonError):
    """Raised when no answer came in time. Whether a command was carried out is unknown; the same call again tells."""

    def __init__(self, message: str, idempotency_key: str | None = None) -> None:
        """Keeps the key, under which a retry learns what became of a command."""
        self.idempotency_key = idempotency_key
        super().__init__(message, idempotency_key)

    def __str__(self) -> str:
        """The message alone."""
        return str(self.args[0])


class Unintelligible(OsteonError):
    """Raised when an answer is none of Osteon's: a proxy's page, another service, a damaged body."""

    def __init__(self, status: int, excerpt: str) -> None:
        """Keeps what came."""
        self.status = status
        self.excerpt = excerpt
        super().__init__(status, excerpt)

    def __str__(self) -> str:
        """Says what came and where to look."""
        return (
            f"The answer, status '{self.status}', is not of Osteon's wire; check the address and what stands between. "
            f"It begins with '{self.excerpt}'."
        )


def problem_error(problem: Problem) -> OsteonProblem:
    """The exception for a problem, chosen by its status."""
    return _BY_STATUS.get(problem.status, _of_class(problem.status))(problem)


def _of_class(status: int) -> type[OsteonProblem]:
    return Unexpected if status >= 500 else Invalid


_BY_STATUS: dict[int, type[OsteonProblem]] = {
    401: NotAuthenticated,
    403: NotPermitted,
    404: NotFound,
    409: Rejected,
    424: NotRun,
    429: Limited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
