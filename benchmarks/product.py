"""The demo with the module `notes` added: with the demo's world, with no more than the tenant `house`, with other notes."""

from benchmarks.notes import followed_notes, handed_notes, notes, revised_notes
from demo.projects import projects
from demo.world import world
from osteon.app.world import World
from osteon.domain import Product
from osteon.modules import PLATFORM

__all__ = ["empty", "product", "revised", "with_saga", "with_sink"]

product = Product("benchmark", [*PLATFORM, projects, notes], world)
empty = Product("benchmark", [*PLATFORM, projects, notes], World(tenants=(world.house,)))
revised = Product("benchmark", [*PLATFORM, projects, revised_notes], world)
with_saga = Product("benchmark", [*PLATFORM, projects, followed_notes], world)
with_sink = Product("benchmark", [*PLATFORM, projects, handed_notes], world)
