"""The scope tree: names among siblings, parents before children, paths as the gateway asks for them."""

from hypothesis import given as drawn
from hypothesis import strategies as st

from osteon.domain.testing import ROOT, given, rows
from osteon.messages import Event
from osteon.model import Identifier, ScopeId, named
from osteon.modules.tenancy.paths import Paths, ScopeRow, paths
from osteon.modules.tenancy.scopes import GrowScopeTree, OpenScopeTree, ScopeAdded, ScopeTreeOpened, TreeId, tree

TREE = TreeId(Identifier(ROOT))
EU, FRANCE, US = (ScopeId(named("", name)) for name in ("EU", "France", "US"))
OPENED = ScopeTreeOpened(tree=TREE, scope=ROOT, name="Global")


def grow(scope: ScopeId, parent: ScopeId, name: str) -> GrowScopeTree:
    """Asks for a scope."""
    return GrowScopeTree(tree=TREE, scope=scope, parent=parent, name=name)


def added(scope: ScopeId, parent: ScopeId, name: str) -> ScopeAdded:
    """A scope that stands."""
    return ScopeAdded(tree=TREE, scope=scope, parent=parent, name=name)


BRANCH = (OPENED, added(EU, ROOT, "EU"), added(FRANCE, EU, "France"))


def test_opens_with_its_root() -> None:
    given(tree).when(OpenScopeTree(tree=TREE, name="Global")).then(OPENED).answers(ROOT)


def test_grows_below_a_scope_that_stands() -> None:
    given(tree, *BRANCH).when(grow(US, ROOT, "US")).then(added(US, ROOT, "US")).answers(US)
    given(tree, *BRANCH).when(grow(US, FRANCE, "US")).then(added(US, FRANCE, "US"))


def test_rejects_a_parent_that_is_not_there() -> None:
    given(tree, OPENED).when(grow(FRANCE, EU, "France")).rejects("tenancy.no-such-parent", parent=EU)


def test_rejects_a_scope_that_stands_already() -> None:
    given(tree, *BRANCH).when(grow(EU, ROOT, "Europe")).rejects("tenancy.scope-exists", scope=EU)
    given(tree, *BRANCH).when(grow(ROOT, FRANCE, "Round")).rejects("tenancy.scope-exists", scope=ROOT)


def test_rejects_a_name_that_a_sibling_has() -> None:
    given(tree, *BRANCH).when(grow(US, ROOT, "EU")).rejects("tenancy.name-taken", name="EU")
    given(tree, *BRANCH).when(grow(US, EU, "EU")).then(added(US, EU, "EU"))


def test_lists_each_scope_with_its_parent() -> None:
    assert rows(paths, *BRANCH) == [
        ScopeRow(scope=ROOT, parent=None, name="Global"),
        ScopeRow(scope=EU, parent=ROOT, name="EU"),
        ScopeRow(scope=FRANCE, parent=EU, name="France"),
    ]


def test_tells_paths_and_what_is_below() -> None:
    known = indexed(*BRANCH, added(US, ROOT, "US"))
    assert known.path(FRANCE) == (ROOT, EU, FRANCE)
    assert known.below(EU) == [EU, FRANCE]
    assert known.below(ROOT) == [ROOT, EU, US, FRANCE]
    nowhere = ScopeId(named("", "nowhere"))
    assert known.path(nowhere) is None
    assert known.below(nowhere) == []


def test_grows_a_generation_with_each_scope() -> None:
    assert indexed(*BRANCH).generation < indexed(*BRANCH, added(US, ROOT, "US")).generation


def test_forgets_a_scope_that_is_gone() -> None:
    known = indexed(*BRANCH)
    known.drop(ScopeRow(scope=FRANCE, parent=EU, name="France"))
    assert known.path(FRANCE) is None
    assert known.below(ROOT) == [ROOT, EU]


@drawn(st.lists(st.integers(0, 20), max_size=20))
def test_a_path_leads_down_from_the_root(parents: list[int]) -> None:
    scopes, happened = [ROOT], list[Event]([OPENED])
    for number, parent in enumerate(parents):
        scope, above = ScopeId(named("", str(number))), scopes[parent % len(scopes)]
        happened += given(tree, *happened).when(grow(scope, above, str(number))).events
        scopes.append(scope)
    known = indexed(*happened)
    for scope in scopes:
        path = known.path(scope)
        assert path is not None
        assert (path[0], path[-1]) == (ROOT, scope)
        assert all(scope in known.below(above) for above in path)


def indexed(*events: Event) -> Paths:
    """The paths after events."""
    known = Paths()
    for row in rows(paths, *events):
        known.put(row)
    return known
