"""The demo product: the platform's modules, and projects."""

from demo.projects import projects
from demo.world import world
from osteon.domain import Product
from osteon.modules import PLATFORM

__all__ = ["product", "world"]

product = Product(name="demo", modules=[*PLATFORM, projects])
