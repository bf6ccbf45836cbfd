"""The demo's world: two tenants of each type, people with different roles in different scopes. Their passwords are public."""

from osteon.app.world import Example, PersonSeed, RoleSeed, TenantSeed, World

__all__ = ["world"]

PASSWORD = "correct horse battery staple"  # noqa: S105 # pragma: allowlist secret

GLOBAL_SCOPES = (("EU",), ("EU", "France"), ("US",))


def person(tenant: str, name: str, *roles: RoleSeed, locale: str = "en") -> PersonSeed:
    """A person of a tenant, with an address made from the first name."""
    return PersonSeed(f"{name.split(maxsplit=1)[0].lower()}@{tenant}.example", name, PASSWORD, roles, locale)


def customer(name: str, *people: PersonSeed) -> TenantSeed:
    """A customer with two branches of scopes."""
    return TenantSeed(name, "customer", people, GLOBAL_SCOPES)


def small(name: str, type: str) -> TenantSeed:
    """A tenant with an administrator and somebody who reads."""
    people = (
        person(name, "Ada Administrator", RoleSeed("administrator")),
        person(name, "Rita Reader", RoleSeed("reader")),
    )
    return TenantSeed(name, type, people)


world = World(
    tenants=(
        small("house", "internal"),
        customer(
            "acme",
            person("acme", "Alice Archer", RoleSeed("administrator")),
            person("acme", "Karim Haddad", RoleSeed("contributor", ("EU",)), locale="ar"),
            person("acme", "Chiara Conti", RoleSeed("contributor", ("EU", "France")), locale="it"),
            person("acme", "Ren Sato", RoleSeed("reader"), RoleSeed("contributor", ("US",)), locale="ja"),
            person("acme", "Uma Underwood", RoleSeed("reader", ("US",))),
        ),
        customer(
            "globex",
            person("globex", "Gina Grant", RoleSeed("administrator")),
            person("globex", "Omar Olsen", RoleSeed("contributor", ("EU",))),
            person("globex", "Rosa Ruiz", RoleSeed("reader", ("EU", "France"))),
        ),
        small("atelier", "internal"),
        small("lab", "test"),
        small("bench", "test"),
    ),
    examples=(
        Example("Create a project", "command", "create-project", {"name": "Harbour ledger"}),
        Example("List projects", "query", "list-projects", {}),
    ),
)
