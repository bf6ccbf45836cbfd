"""Rego compiled to WebAssembly, on wasmtime: for platforms where regorus has no wheel, such as Linux on ARM.

`policies/authorization.wasm` is the policy compiled by OPA; a test compares it with its source. What is called here is
OPA's interface for compiled policies, version 1.2: https://www.openpolicyagent.org/docs/wasm
"""

from typing import cast

import msgspec
import wasmtime

from osteon.adapters.rego.machine import Evaluate
from osteon.adapters.rego.source import policy
from osteon.model.problems import OsteonError

__all__ = ["PolicyAborted", "WasmMachine"]


class PolicyAborted(OsteonError):
    """Raised when the compiled policy gives up, with the reason that it gave."""


class WasmMachine:
    """Runs the compiled policy."""

    def __init__(self) -> None:
        """Compiles to machine code, once for all threads (some 100 milliseconds)."""
        self._engine = wasmtime.Engine()
        self._module = wasmtime.Module(self._engine, policy("authorization.wasm"))

    def evaluator(self, data: bytes) -> Evaluate:
        """An instance with a memory of its own."""
        return _Instance(self._engine, self._module, data).evaluate


class _Instance:
    def __init__(self, engine: wasmtime.Engine, module: wasmtime.Module, data: bytes) -> None:
        self._store = wasmtime.Store(engine)
        self._memory = wasmtime.Memory(self._store, wasmtime.MemoryType(wasmtime.Limits(2, None)))
        linker = wasmtime.Linker(engine)
        linker.define(self._store, "env", "memory", self._memory)
        self._offer_host_functions(linker)
        self._exports = linker.instantiate(self._store, module).exports(self._store)

        self._data = self._parse(data)
        self._free = self._call("opa_heap_ptr_get")  # what lies below is kept, what lies above is each question's own

    def evaluate(self, question: bytes) -> object:
        """The ruling, as plain Python."""
        self._make_room(self._free + len(question))
        self._memory.write(self._store, question, self._free)
        heap = self._free + len(question)
        answer = self._call("opa_eval", 0, 0, self._data, self._free, len(question), heap, _AS_JSON)
        return msgspec.json.decode(self._text(answer))[0]["result"]

    def _parse(self, document: bytes) -> int:
        address = self._call("opa_malloc", len(document))
        self._memory.write(self._store, document, address)
        return self._call("opa_json_parse", address, len(document))

    def _call(self, name: str, *arguments: int) -> int:
        function = cast("wasmtime.Func", self._exports[name])
        return cast("int", function(self._store, *arguments))

    def _make_room(self, end: int) -> None:
        missing = end - self._memory.data_len(self._store)
        if missing > 0:
            self._memory.grow(self._store, -(-missing // _PAGE))

    def _text(self, address: int) -> bytes:
        tail = self._memory.read(self._store, address)
        return bytes(tail[: tail.index(0)])

    def _offer_host_functions(self, linker: wasmtime.Linker) -> None:
        number = wasmtime.ValType.i32()

        def abort(address: int) -> None:
            raise PolicyAborted(self._text(address).decode())

        def print_line(_address: int) -> None:
            """The policy prints nothing."""

        def builtin(*_arguments: int) -> int:
            message = (
                "The compiled policy asks its host for a built-in function, and this host has none: do without it."
            )
            raise PolicyAborted(message)

        one = wasmtime.FuncType([number], [])
        linker.define_func("env", "opa_abort", one, abort)
        linker.define_func("env", "opa_println", one, print_line)
        for count in range(5):
            kind = wasmtime.FuncType([number] * (count + 2), [number])
            linker.define_func("env", f"opa_builtin{count}", kind, builtin)


_AS_JSON = 0
_PAGE = 65_536
