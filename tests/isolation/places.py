"""What the tests of isolation share: projects with all that points at them, and what a refusal gives away."""

from typing import Any, NamedTuple

from tests.serving import Answer, Client, new_key, patiently

__all__ = ["Place", "likeness", "project_in", "scopes_of"]


class Place(NamedTuple):
    """A project, and where it is."""

    project: str
    scope: str
    position: str
    """Of its creation."""
    row: dict[str, Any]
    """As its own tenant gets it."""


def project_in(client: Client, scope: str) -> Place:
    """Creates a project in the scope of that name."""
    there, project = scopes_of(client)[scope], new_key()
    created = client.command("create-project", within=there, project=project, name=f"Project {project[-6:]}")
    row: dict[str, Any] = patiently(lambda: client.query("get-project", created.position, project=project)).answer
    return Place(project, there, created.position, row)


def scopes_of(client: Client) -> dict[str, str]:
    """The scopes of the client's tenant by name."""
    return {row["name"]: row["scope"] for row in client.every("list-scopes")}


def likeness(answer: Answer) -> tuple[tuple[int, str], list[str], set[str]]:
    """What a refusal tells beside what was asked: two with the same likeness cannot be told apart."""
    body: dict[str, Any] = answer.body
    own = {"date", "content-length"}
    return answer.refusal, sorted({*body, *(f"params.{name}" for name in body["params"])}), {*answer.headers} - own
