"""What must be so of the demo's sagas once all is quiet, told from the journal alone.

A saga's own entries say what it was told (`<saga>/step/<event>`) and what it asked (`<saga>/<number>/<its event>`): each once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.resilience.books import Entry, Row, projects

__all__ = ["clashes", "not_once", "unsettled"]

FOLLOWED = {
    "naming": {
        "project-created",
        "project-renamed",
        "project-moved",
        "project-archived",
        "project-restored",
        "project-name-taken",
    },
    "reminder": {"project-created", "project-renamed", "project-moved", "project-archived", "project-restored"},
}
"""The events that each saga is told of."""


def not_once(entries: Sequence[Entry]) -> list[str]:
    """What a saga was to be told, or has asked, and the journal has not exactly once; and what nobody was to do."""
    internal = [entry for entry in entries if entry["key"].partition("/")[0] in FOLLOWED]
    done = Counter((entry["tenant"], entry["key"]) for entry in internal)
    verdicts = {(entry["tenant"], entry["key"]): entry["verdict"] for entry in internal}
    expected = {(tenant, key): key for tenant, key in (*_told(entries), *_asked(entries))}
    refused = [place for place in expected if verdicts.get(place) == "rejected" and place[1].startswith("naming/")]
    for tenant, key in refused:
        saga, number, cause = key.split("/")
        expected[tenant, f"{saga}/{number}-refused/{cause}"] = key
    missing = [f"{place} is there {done[place]} times" for place in expected if done[place] != 1]
    return [*missing, *(f"nobody was to do {place}" for place in done if place not in expected)]


def unsettled(entries: Sequence[Entry]) -> list[str]:
    """The projects whose name is still being seen to."""
    return [project for project, event in _latest(entries).items() if not event["settled"] or event["due"]]


def clashes(entries: Sequence[Entry]) -> list[str]:
    """Where two active projects of a scope have one name, or a project has not the name that it is called by."""
    found: list[str] = []
    latest, holders = _latest(entries), _holders(entries)
    active = dict(_active(entries))
    called: dict[tuple[str, str], list[str]] = defaultdict(list)
    for project, row in active.items():
        called[_name(row)].append(project)
        held = latest[project]["state"]["held"]
        if held is None or _name(held) != _name(row):
            found.append(f"{project} is called '{row['name']}' and holds {held}")
        elif holders.get(held["projectName"]) != project:
            found.append(f"{project} lost '{row['name']}' to {holders.get(held['projectName'])}")
    found += [f"{name} is the name of {each}" for name, each in called.items() if len(each) > 1]
    taken = Counter(holders.values())
    return [*found, *(f"{each} holds {taken[each]} names" for each in taken if taken[each] > (each in active))]


def _told(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        for event in entry["events"]:
            for saga, followed in FOLLOWED.items():
                if event["type"] in followed:
                    yield entry["tenant"], f"{saga}/step/{event['id']}"


def _asked(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if entry["entityType"] in FOLLOWED:
            for event in entry["events"]:
                for number in range(len(event["body"]["asks"])):
                    yield entry["tenant"], f"{entry['entityType']}/{number}/{event['id']}"


def _latest(entries: Sequence[Entry]) -> dict[str, Row]:
    """The last event of each naming saga."""
    told = (entry for entry in entries if entry["entityType"] == "naming")
    return {entry["entity"]: event["body"] for entry in told for event in entry["events"]}


def _holders(entries: Sequence[Entry]) -> dict[str, str]:
    """Which project has which name."""
    holders: dict[str, str] = {}
    for entry in entries:
        for event in entry["events"]:
            if event["type"] == "project-name-taken":
                holders[event["body"]["projectName"]] = event["body"]["project"]
            if event["type"] == "project-name-freed":
                del holders[event["body"]["projectName"]]
    return holders


def _name(row: Row) -> tuple[str, str]:
    """What is unique: upper and lower case are the same name."""
    return row["scope"], row["name"].casefold()


def _active(entries: Sequence[Entry]) -> Iterator[tuple[str, Row]]:
    for rows in projects(entries).values():
        yield from ((project, row) for project, row in rows.items() if not row["archived"])
