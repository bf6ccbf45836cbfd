"""The demo with the module `notes` added: once with the demo's world, once with no more than the tenant `house`."""

from benchmarks.notes import notes
from demo.projects import projects
from demo.world import world
from osteon.app.world import World
from osteon.domain import Product
from osteon.modules import PLATFORM

__all__ = ["empty", "product"]

product = Product("benchmark", [*PLATFORM, projects, notes], world)
empty = Product("benchmark", [*PLATFORM, projects, notes], World(tenants=(world.house,)))
