"""The platform's own bounded contexts, each a folder; `PLATFORM` is all of them.

`audit` can be left out. The gateway decides by what the others keep in memory.
"""

from osteon.modules.access import access
from osteon.modules.audit import audit
from osteon.modules.identity import identity
from osteon.modules.operations import operations
from osteon.modules.tenancy import tenancy

__all__ = ["PLATFORM"]

PLATFORM = (tenancy, identity, access, audit, operations)
