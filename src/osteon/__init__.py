"""Osteon: a walking skeleton for multi-tenant SaaS platforms.

Three worlds: the library (this package without `modules`), the platform's own bounded contexts (`osteon.modules`), and the
product, which is yours. `docs/architecture.md` shows the rooms and how a command walks through them.
"""

__version__ = "0.1.0"
