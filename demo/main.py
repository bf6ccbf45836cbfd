"""The demo product: the platform's modules, and projects."""

from demo.projects import projects
from demo.world import world
from osteon.domain import Product
from osteon.modules import PLATFORM

__all__ = ["product"]

product = Product("demo", [*PLATFORM, projects], world)
