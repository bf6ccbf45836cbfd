"""The demo with a module that cannot do everything it should, and the same module mended."""

from collections.abc import Sequence

from demo.projects.project import ProjectCreated, RenameProject
from demo.world import world
from osteon.context import InvocationContext
from osteon.domain import Ask, Module, Product, Reaction
from osteon.modules import PLATFORM
from tests.plain import projects

__all__ = ["PRODUCTS", "STUMBLE", "mended", "stumbling"]

STUMBLE = "Stumble"
PRODUCTS = {"stumbling": "tests.cli.stumbling:stumbling", "mended": "tests.cli.stumbling:mended"}


def greet(event: ProjectCreated, context: InvocationContext) -> Sequence[Ask]:
    """Every new project is greeted."""
    return [Ask(command=RenameProject(project=event.project, name=f"Hello, {event.name}"))]


def stumble(event: ProjectCreated, context: InvocationContext) -> Sequence[Ask]:
    """One name is too much."""
    if event.name == STUMBLE:
        raise LookupError(event.name)
    return greet(event, context)


stumbling = Product("demo", [*PLATFORM, projects, Module("greeting", parts=[Reaction("greet", stumble)])], world)
mended = Product("demo", [*PLATFORM, projects, Module("greeting", parts=[Reaction("greet", greet)])], world)
