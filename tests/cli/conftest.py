"""The installations that the tests of the CLI share."""

from tests.cli.installation import left, osteon, serving_data
from tests.serving import serving

__all__ = ["left", "osteon", "serving", "serving_data"]
