"""`osteon schemas`: writes the published catalogue of a product: a file for each message, and OpenAPI."""

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import osteon
from osteon.app.products import load_product
from osteon.domain import Product
from osteon.gateway.openapi import derived_fields, openapi
from osteon.messages.schemas import JsonSchema, message_schema

__all__ = ["add_to", "documents"]

_FOLDERS = {"command": "commands", "query": "queries", "event": "events"}
_EXAMPLES = """examples:
  osteon schemas demo.main:product                 writes into schemas/
  osteon schemas shop.main:product --out contract  another product, another folder
"""


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "schemas",
        help="write the contract: JSON Schema of every message, OpenAPI",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("product", nargs="?", default="demo.main:product", help="the product (default: the demo)")
    parser.add_argument("--out", type=Path, default=Path("schemas"), help="the folder (default: schemas)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes every document; files of messages that are no more go."""
    written = dict(documents(load_product(options.product)))
    for folder in _FOLDERS.values():
        shutil.rmtree(options.out / folder, ignore_errors=True)
    for name, document in written.items():
        path: Path = options.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(written)} files in {options.out}")
    return 0


def documents(product: Product) -> Iterator[tuple[str, JsonSchema]]:
    """The documents by their paths; the same product always gives the same ones."""
    index: dict[str, Any] = {"product": product.name, "openapi": "openapi.json"}
    for message in product.catalogue:
        folder = _FOLDERS[message.kind]
        path = f"{folder}/{message.name}.json"
        index.setdefault(folder, {})[message.name] = {"module": message.module, "schema": path}
        yield path, message_schema(message, derived_fields(product, message))
    yield "openapi.json", openapi(product, osteon.__version__)
    yield "index.json", index
