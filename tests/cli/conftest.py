"""The installations that the tests of the CLI share."""

from tests.cli.brittle import broken
from tests.cli.installation import left, osteon, serving_data
from tests.serving import data, serving, world

__all__ = ["broken", "data", "left", "osteon", "serving", "serving_data", "world"]
