"""Chooses the machine by what is installed; each package is there only where it is needed."""

from osteon.adapters.rego.machine import PolicyMachine

__all__ = ["available"]


def available() -> PolicyMachine:
    """The machine of this platform: regorus where it has a wheel, else WebAssembly."""
    try:
        from osteon.adapters.rego.engine import RegorusMachine  # noqa: PLC0415  # fails where there is no wheel
    except ImportError:
        from osteon.adapters.rego.wasm import WasmMachine  # noqa: PLC0415  # fails everywhere else

        return WasmMachine()
    return RegorusMachine()
