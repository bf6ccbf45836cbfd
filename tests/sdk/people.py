"""A person of the demo for the SDK's suite: two scopes side by side to work in, and one with nothing to do."""

from demo.world import PASSWORD
from osteon_sdk import Client, new_id
from sdk.tests.suite import Person

__all__ = ["karim"]


async def karim(administrator: Client) -> Person:
    """Karim contributes in EU: France and a new scope are his, US is not."""
    await administrator.log_in("alice@acme.example", PASSWORD)
    scopes = {row["name"]: row["scope"] async for row in administrator.browse("list-scopes")}
    added = await administrator.command("add-scope", parent=scopes["EU"], name=f"Iberia {new_id()}")
    return Person(
        email="karim@acme.example",
        password=PASSWORD,
        home=scopes["France"],
        destination=added.answer,
        beyond=scopes["US"],
    )
