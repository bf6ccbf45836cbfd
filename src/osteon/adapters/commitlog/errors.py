"""What can go wrong with the commit log.

    OsteonError
    └── LogError
        ├── AppendFailed    nothing of the batch is kept; the log goes on
        ├── UpkeepFailed    a spare could not be made or kept; the log goes on
        ├── TooLarge        the batch fits in no segment
        ├── LogBroken       what the disk holds is unknown: the process must end
        ├── LogClosed       it was closed, by this process
        ├── Damaged         the log holds something else than was written: a person must look
        └── Retired         the place asked for is no longer in the log

A lock that is held raises `Locked`, of the port. Recovery and reading let an `OSError` of the disk pass.
"""

from osteon.model.problems import OsteonError

__all__ = ["AppendFailed", "Damaged", "LogBroken", "LogClosed", "LogError", "Retired", "TooLarge", "UpkeepFailed"]


class LogError(OsteonError):
    """Anything that the commit log raises on purpose."""


class AppendFailed(LogError):
    """Raised when a batch could not be written (disk full, for one); it has been wiped out, and the log can be used."""

    retryable = True

    def __init__(self, path: str, offset: int, cause: OSError) -> None:
        """Tells where it was to be written, and what the disk said."""
        self.path, self.offset, self.cause = path, offset, cause
        super().__init__(f"A batch could not be written to '{path}' at {offset}: {cause}. Nothing of it is kept.")


class UpkeepFailed(LogError):
    """Raised when a spare could not be made, or an old segment not be recycled; nothing is lost."""

    retryable = True

    def __init__(self, path: str, cause: OSError) -> None:
        """Tells which file it was about, and what the disk said."""
        self.path, self.cause = path, cause
        super().__init__(f"'{path}' could not be prepared or recycled: {cause}. Make room on the disk.")


class TooLarge(LogError):
    """Raised when a batch is longer than a segment."""

    def __init__(self, expected: int, actual: int) -> None:
        """Tells how many bytes fit, and how many it would be."""
        self.expected, self.actual = expected, actual
        super().__init__(f"A batch of {actual} bytes fits in no segment, which takes {expected}. Append it in parts.")


class LogBroken(LogError):
    """Raised by every call after a failed sync, or after a failed write that could not be wiped out.

    What was being appended may be there or not, and what can be read is not what is on the platter. Only a new
    process that recovers the log knows more.
    """

    def __init__(self, cause: OSError) -> None:
        """Tells what the disk said."""
        self.cause = cause
        super().__init__(
            f"The log cannot be trusted any more: {cause}. End this process; the next one recovers the log."
        )


class LogClosed(LogError):
    """Raised when a log is used after it was closed."""

    def __init__(self) -> None:
        """Needs no words of its own."""
        super().__init__("The log is closed. Recover it to use it again.")


class Damaged(LogError):
    """Raised when a file holds something else than was written there. Nothing is changed and nothing is cut off."""

    def __init__(self, path: str, offset: int, expected: str, actual: str) -> None:
        """Tells the file, where in it, what should be there, and what is."""
        self.path, self.offset, self.expected, self.actual = path, offset, expected, actual
        what = f"'{path}' is damaged at {offset}: expected {expected}, found {actual}."
        super().__init__(f"{what} Keep a copy of the folder, then restore it.")


class Retired(LogError):
    """Raised when a place is asked for that the log has retired: whoever asks must read what follows it elsewhere."""

    def __init__(self, path: str, expected: int, actual: int) -> None:
        """Tells the missing file, the frame that was asked for, and the first that is there."""
        self.path, self.expected, self.actual = path, expected, actual
        super().__init__(f"Frame {expected} was in '{path}', which is retired; the log now begins with frame {actual}.")
