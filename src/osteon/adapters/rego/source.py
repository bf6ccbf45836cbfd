"""Finds the policy: packed into the installed package, or in the checkout beside the code."""

from importlib.resources import files
from pathlib import Path

__all__ = ["policy"]


def policy(name: str) -> bytes:
    """The bytes of a file of the policies' folder.

    Raises:
        FileNotFoundError: The package was built without its policies.
    """
    packed = files("osteon").joinpath("policies", name)
    if packed.is_file():
        return packed.read_bytes()
    return (_CHECKOUT / "policies" / name).read_bytes()


_CHECKOUT = Path(__file__).parents[4]
