"""Problems and errors: what a caller is told, and what a developer is told.

A problem is a value for people and programs outside: a key that the clients have words for, parameters, whether a retry helps
(RFC 9457 on the wire). An error is an exception for the developer or the operator. The tree of errors:

    OsteonError
    ├── Refused       the caller is told the problem it carries
    └── Misdeclared   a module or product is put together wrongly: found at start, never later
"""

from typing import Any, ClassVar

from osteon.model.values import Value

__all__ = ["Misdeclared", "OsteonError", "Problem", "Refused"]


class Problem(Value):
    """Why something was refused.

    `key` is qualified by its module (`projects.archived`) or stands alone for the platform's own (`unavailable`).
    """

    key: str
    params: dict[str, Any] = {}
    retryable: bool = False


class OsteonError(Exception):
    """Anything that Osteon raises on purpose."""

    retryable: ClassVar[bool] = False


class Refused(OsteonError):
    """Raised when an invocation is refused before it is recorded; the caller is answered with the problem."""

    def __init__(self, key: str, retryable: bool = False, **params: Any) -> None:
        """Refuses with the problem `key` and its parameters."""
        self.problem = Problem(key=key, params=params, retryable=retryable)
        super().__init__(key)


class Misdeclared(OsteonError):
    """Raised when a module, a message or a product is declared wrongly: the sentence says what and how to mend it."""
