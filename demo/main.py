"""The demo product: the platform's modules, projects, and a feed to the address in `DEMO_FEED`, if there is one."""

import os

from demo.feed import feed
from demo.projects import projects
from demo.webhook import Webhook
from demo.world import world
from osteon.domain import Product
from osteon.modules import PLATFORM

__all__ = ["product"]

ADDRESS = os.environ.get("DEMO_FEED")
FEEDS = [feed(Webhook(ADDRESS))] if ADDRESS else []

product = Product("demo", [*PLATFORM, projects, *FEEDS], world)
