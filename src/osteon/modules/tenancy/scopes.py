"""The scope tree: one entity of each tenant, so that names and cycles are plain logic."""

from typing import Annotated, NewType

import msgspec

from osteon.context import InvocationContext
from osteon.domain import Decider, Decision, accept, reject
from osteon.messages import Command, Event
from osteon.model import Identifier, ScopeId, Value, replace

__all__ = ["AddScope", "GrowScopeTree", "OpenScopeTree", "ScopeAdded", "ScopeTree", "ScopeTreeOpened", "TreeId", "tree"]

TreeId = NewType("TreeId", Identifier)
ScopeName = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class AddScope(Command[ScopeId]):
    """Add a scope below another one."""

    parent: ScopeId
    name: ScopeName
    scope: ScopeId | None = None


class OpenScopeTree(Command[ScopeId], internal=True):
    """Open the tree of a new tenant with its root; the tree bears the root's identifier."""

    tree: TreeId
    name: ScopeName


class GrowScopeTree(Command[ScopeId], internal=True):
    """Add a scope to the tree: what adding one is prepared to."""

    tree: TreeId
    scope: ScopeId
    parent: ScopeId
    name: ScopeName


class ScopeTreeOpened(Event):
    """A tenant has its root scope."""

    tree: TreeId
    scope: ScopeId
    name: str


class ScopeAdded(Event):
    """A scope stands below another one."""

    tree: TreeId
    scope: ScopeId
    parent: ScopeId
    name: str


class ScopeTree(Value):
    """What is remembered: the name and the parent of each scope."""

    names: dict[ScopeId, str]
    parents: dict[ScopeId, ScopeId]


def create(command: OpenScopeTree, context: InvocationContext) -> Decision:
    """The root comes with the tree."""
    root = ScopeId(Identifier(command.tree))
    return accept(ScopeTreeOpened(tree=command.tree, scope=root, name=command.name), answer=root)


def decide(command: GrowScopeTree, tree: ScopeTree, context: InvocationContext) -> Decision:
    """A scope needs a parent in the tree and a name of its own among its siblings."""
    if command.parent not in tree.names:
        return reject("tenancy.no-such-parent", parent=command.parent)
    if command.scope in tree.names:
        return reject("tenancy.scope-exists", scope=command.scope)
    siblings = {tree.names[scope] for scope, parent in tree.parents.items() if parent == command.parent}
    if command.name in siblings:
        return reject("tenancy.name-taken", name=command.name)
    added = ScopeAdded(tree=command.tree, scope=command.scope, parent=command.parent, name=command.name)
    return accept(added, answer=command.scope)


def begin(event: ScopeTreeOpened) -> ScopeTree:
    """A tree with its root."""
    return ScopeTree(names={event.scope: event.name}, parents={})


def evolve(event: ScopeAdded, tree: ScopeTree) -> ScopeTree:
    """A tree with one more scope."""
    names, parents = {**tree.names, event.scope: event.name}, {**tree.parents, event.scope: event.parent}
    return replace(tree, names=names, parents=parents)


tree = Decider("tree", create=create, decide=decide, begin=begin, evolve=evolve)
