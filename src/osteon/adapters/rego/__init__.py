"""Policies decided in Rego, in process: by regorus, or compiled to WebAssembly where regorus has no wheel."""

from osteon.adapters.rego.choice import available
from osteon.adapters.rego.machine import PolicyMachine
from osteon.adapters.rego.policies import RegoPolicies, WrongAnswer

__all__ = ["PolicyMachine", "RegoPolicies", "WrongAnswer", "available"]
