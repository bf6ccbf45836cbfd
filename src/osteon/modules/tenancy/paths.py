"""Paths: where each scope stands, kept in memory because every invocation happens in one."""

from collections.abc import Sequence

from osteon.domain import Browse, Find, Row, View
from osteon.model import ScopeId
from osteon.modules.tenancy.scopes import ScopeAdded, ScopeTreeOpened
from osteon.ports.directory import Scopes

__all__ = ["GetScope", "ListScopes", "Paths", "ScopeRow", "paths"]


class ScopeRow(Row):
    """A scope and its parent; the root has none."""

    scope: ScopeId
    parent: ScopeId | None
    name: str


class GetScope(Find[ScopeRow]):
    """One scope."""

    scope: ScopeId


class ListScopes(Browse[ScopeRow]):
    """The scopes at and below the one in which it is asked."""

    name: str | None = None
    parent: ScopeId | None = None


class Paths(Scopes):
    """The tree in memory: the path of each scope, and its children."""

    def __init__(self) -> None:
        """An empty tree."""
        self._paths: dict[ScopeId, tuple[ScopeId, ...]] = {}
        self._children: dict[ScopeId, list[ScopeId]] = {}
        self._generation = 0

    @property
    def generation(self) -> int:
        """See `Scopes.generation`."""
        return self._generation

    def put(self, row: ScopeRow) -> None:
        """See `Index.put`; a parent comes before its children."""
        above = self._paths[row.parent] if row.parent is not None else ()
        if row.scope not in self._paths and row.parent is not None:
            self._children.setdefault(row.parent, []).append(row.scope)
        self._paths[row.scope] = (*above, row.scope)
        self._generation += 1

    def drop(self, row: ScopeRow) -> None:
        """See `Index.drop`; only a scope without children goes."""
        del self._paths[row.scope]
        if row.parent is not None:
            self._children[row.parent].remove(row.scope)
        self._generation += 1

    def path(self, scope: ScopeId) -> tuple[ScopeId, ...] | None:
        """See `Scopes.path`."""
        return self._paths.get(scope)

    def below(self, scope: ScopeId) -> Sequence[ScopeId]:
        """See `Scopes.below`."""
        if scope not in self._paths:
            return []
        found = [scope]
        for each in found:
            found.extend(self._children.get(each, ()))
        return found


def begin(event: ScopeTreeOpened | ScopeAdded) -> ScopeRow:
    """A scope's row."""
    match event:
        case ScopeTreeOpened():
            return ScopeRow(scope=event.scope, parent=None, name=event.name)
        case ScopeAdded():
            return ScopeRow(scope=event.scope, parent=event.parent, name=event.name)


paths = View(begin=begin, queries=[GetScope, ListScopes], index=Paths)
