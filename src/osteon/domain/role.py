"""Roles: bundles of policies, held in a scope and active in all below it."""

from osteon.model import Value

__all__ = ["ADMINISTRATOR", "CONTRIBUTOR", "MEMBER", "READER", "STANDARD_ROLES", "Role"]


class Role(Value):
    """A role that can be held in a scope; it may do all that the roles it includes may."""

    name: str
    includes: tuple["Role", ...] = ()

    def all(self) -> tuple["Role", ...]:
        """The role itself and all that it includes."""
        return (self, *(inner for role in self.includes for inner in role.all()))


MEMBER = Role(name="member")
"""Held in the root by every account of the tenant, without being granted: what anyone may do for themselves."""

READER = Role(name="reader")
CONTRIBUTOR = Role(name="contributor", includes=(READER,))
ADMINISTRATOR = Role(name="administrator", includes=(CONTRIBUTOR,))

STANDARD_ROLES = (MEMBER, READER, CONTRIBUTOR, ADMINISTRATOR)
