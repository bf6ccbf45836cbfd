"""Logs: plain sentences on a terminal, JSON elsewhere; never the values of local variables."""

import logging
import sys

import structlog

__all__ = ["configure_logs"]


def configure_logs(*, json: bool | None = None) -> None:
    """Sets up logging for this process.

    Args:
        json: Whether lines are JSON; unless said, when standard error is no terminal.
    """
    as_json = not sys.stderr.isatty() if json is None else json
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer: list[structlog.typing.Processor] = [plain]
    if as_json:
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        renderer = [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
