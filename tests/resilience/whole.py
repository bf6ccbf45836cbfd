"""The whole demo, as kills find it: with its sagas, and whatever else its modules have.

`tests.resilience.whole:revision_7` is a product whose list of projects has that revision: a start makes its rows again, beside the
old ones. `python -m tests.resilience.whole up …`, in place of the CLI, takes its time over that.
"""

import sys
import time
from copy import copy

from demo.main import product
from demo.projects import projects
from demo.projects.listing import listing
from osteon.cli import main
from osteon.domain import Product
from osteon.engine import projection

__all__ = ["REBUILDING", "WHOLE", "revision"]

WHOLE = ("-m", "tests.resilience.whole", "up")
REBUILDING = f'osteon_views{{state="rebuilding",view="{listing.name}"}}'
"""The metric that counts the tenants whose list is being made again."""
PART, PAUSE = 100, 0.01
step = projection.Projection.step


def revision(number: int) -> str:
    """The name of a product with that revision."""
    return f"{__name__}:revision_{number}"


def __getattr__(name: str) -> Product:
    """The product of that name."""
    if not name.startswith("revision_"):
        raise AttributeError(name)
    view, module = copy(listing), copy(projects)
    view.revision = int(name.removeprefix("revision_"))
    module.parts = tuple(view if part is listing else part for part in projects.parts)
    return Product(product.name, [module if each is projects else each for each in product.modules], product.world)


def slow_step(self: projection.Projection) -> bool:
    """Rests before it goes on, so that a kill finds it at work."""
    time.sleep(PAUSE)
    return step(self)


if __name__ == "__main__":
    projection.PART = PART
    projection.Projection.step = slow_step  # type: ignore[method-assign]
    sys.exit(main())
