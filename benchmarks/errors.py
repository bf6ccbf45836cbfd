"""What can keep a benchmark from giving its figure.

BenchmarkError
├── Unfit     the machine lacks something that the benchmark needs
├── Missing   a peer cannot do yet what the cell asks of it
├── Faulty    a peer answered what it should not, or did not answer
└── TimedOut  the whole run took longer than it was allowed to
"""


class BenchmarkError(Exception):
    """Raised when a benchmark cannot give its figure; the text says why and what to do."""


class Unfit(BenchmarkError):
    """Raised when the machine lacks something that the benchmark needs."""


class Missing(BenchmarkError):
    """Raised when a peer cannot do yet what a cell asks of it, so that the cell is left out."""


class Faulty(BenchmarkError):
    """Raised when a peer answers what it should not, or does not answer at all."""


class TimedOut(BenchmarkError):
    """Raised when the whole run took longer than it was allowed to."""
