"""The demo with a module that cannot do everything it should, and the same module mended."""

from collections.abc import Sequence
from typing import NewType

from demo.projects.project import ProjectCreated, RenameProject
from demo.world import world
from osteon.context import InvocationContext
from osteon.domain import CONTRIBUTOR, Ask, Decider, Decision, Module, Product, Reaction, accept
from osteon.messages import Command, Event
from osteon.model import Identifier, Personal, Value
from osteon.modules import PLATFORM
from tests.plain import projects

__all__ = ["PRODUCTS", "STUMBLE", "mended", "stumbling"]

STUMBLE = "Stumble"
VisitorId = NewType("VisitorId", Identifier)
PRODUCTS = {"stumbling": "tests.cli.stumbling:stumbling", "mended": "tests.cli.stumbling:mended"}


def greet(event: ProjectCreated, context: InvocationContext) -> Sequence[Ask]:
    """Every new project is greeted."""
    return [Ask(command=RenameProject(project=event.project, name=f"Hello, {event.name}"))]


def stumble(event: ProjectCreated, context: InvocationContext) -> Sequence[Ask]:
    """One name is too much."""
    if event.name == STUMBLE:
        raise LookupError(event.name)
    return greet(event, context)


class WelcomeVisitor(Command[None]):
    """Welcome somebody whose name is nobody else's business."""

    visitor: VisitorId
    name: Personal[str]


class VisitorWelcomed(Event):
    """Somebody is here."""

    visitor: VisitorId
    name: Personal[str]


class Visitor(Value):
    """What is remembered of a visitor."""

    visitor: VisitorId
    name: Personal[str]


def welcome(command: WelcomeVisitor, context: InvocationContext) -> Decision:
    """Everybody is welcome."""
    return accept(VisitorWelcomed(visitor=command.visitor, name=command.name))


def begin(event: VisitorWelcomed) -> Visitor:
    """A visitor who came."""
    return Visitor(visitor=event.visitor, name=event.name)


def lead_on(event: VisitorWelcomed, context: InvocationContext) -> Sequence[Ask]:
    """Nobody knows where to."""
    raise LookupError("the way")


welcoming = Module(
    "welcoming",
    parts=[Decider("visitor", create=welcome, begin=begin), Reaction("lead-on", lead_on)],
    grants={CONTRIBUTOR: [WelcomeVisitor]},
)
greeting = Module("greeting", parts=[Reaction("greet", stumble)])
stumbling = Product("demo", [*PLATFORM, projects, greeting, welcoming], world)
mended = Product("demo", [*PLATFORM, projects, Module("greeting", parts=[Reaction("greet", greet)])], world)
