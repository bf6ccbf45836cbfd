"""The platform's own bounded contexts, each a folder that can be deleted. `PLATFORM` is all of them."""

from osteon.modules.access import access
from osteon.modules.audit import audit
from osteon.modules.identity import identity
from osteon.modules.tenancy import tenancy

__all__ = ["PLATFORM"]

PLATFORM = (tenancy, identity, access, audit)
