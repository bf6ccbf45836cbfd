"""Finds a product by its name: `package.module:attribute`."""

import importlib

from osteon.domain import Product
from osteon.model import OsteonError

__all__ = ["NoSuchProduct", "load_product"]


class NoSuchProduct(OsteonError):
    """Raised when a name does not lead to a product."""


def load_product(name: str) -> Product:
    """The product that `name` leads to.

    Raises:
        NoSuchProduct: The module or the attribute is missing, or is something else.
    """
    product = _attribute(name)
    if not isinstance(product, Product):
        raise NoSuchProduct(f"'{name}' is a '{type(product).__name__}', not a Product.")
    return product


def _attribute(name: str) -> object:
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute or "product")
    except (ImportError, AttributeError) as fault:
        message = f"There is no product '{name}': {fault}. Name one as 'package.module:attribute', such as 'demo.main:product'."
        raise NoSuchProduct(message) from fault
