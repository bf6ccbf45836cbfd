"""`osteon up`: serves a product from a data folder."""

import argparse
import errno
import json
import sys
from pathlib import Path
from typing import Any

from osteon.app.embedded import HEADS_EVERY
from osteon.app.inspection import remember_product
from osteon.app.server import Options, Serving, serve
from osteon.app.world import scope_at
from osteon.cli.inspecting import complain

__all__ = ["add_to"]

EXAMPLES = """examples:
  osteon up demo.main:product                      the demo, on http://acme.localhost:8000
  osteon up shop.main:product --data shop --port 0 another product, in a folder of its own, on any free port

The folder may be new. End it with Ctrl-C: whatever was acknowledged is kept, however it ends.
"""


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    shape = argparse.RawDescriptionHelpFormatter
    help_ = "serve a product from a data folder"
    parser: argparse.ArgumentParser = commands.add_parser("up", help=help_, epilog=EXAMPLES, formatter_class=shape)
    parser.add_argument("product", help="the product, such as demo.main:product")
    parser.add_argument("--data", type=Path, default=Path(".osteon"), help="the data folder (default: .osteon)")
    parser.add_argument("--port", type=int, default=8000, help="the port, 0 for any free one (default: 8000)")
    parser.add_argument("--management-port", type=int, default=0, help="the port of management (default: a free one)")
    parser.add_argument(
        "--heads-every",
        type=float,
        default=HEADS_EVERY,
        metavar="SECONDS",
        help="how often a signed head of each journal is kept (default: an hour)",
    )
    parser.add_argument("--json", action="store_true", help="say one line of JSON once it serves")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serves until it is told to end."""
    say = _say_json if options.json else _say_plainly

    def ready(serving: Serving) -> None:
        remember_product(options.data, options.product)
        say(serving)

    try:
        wanted = Options(
            options.product,
            options.data,
            options.port,
            options.management_port,
            heads_every=options.heads_every,
        )
        return serve(wanted, ready)
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            complain("A port is taken already. Choose another with '--port' or '--management-port'; 0 is any free one.")
        else:
            complain(f"The installation in '{options.data}' cannot be served: {fault}.")
        return 1


def _say_json(serving: Serving) -> None:
    print(json.dumps(_described(serving)), flush=True)


def _say_plainly(serving: Serving) -> None:
    described = _described(serving)
    print("Serving. End with Ctrl-C.\n")
    for tenant in described["tenants"]:
        print(f"  {tenant['address']:<34} {tenant['type']}")
    print(f"  {described['management']:<34} management\n")
    for person in described["people"]:
        roles = ", ".join(f"{role['role']} in {role['path']}" for role in person["roles"])
        print(f"  {person['tenant']:<9} {person['email']:<28} {person['password']:<24} {roles}")
    sys.stdout.flush()


def _described(serving: Serving) -> dict[str, Any]:
    scheme, _, host = serving.address.partition("://")
    tenants = serving.embedded.engine.indexes.tenants.all()
    return {
        "address": serving.address,
        "management": serving.management,
        "tenants": [
            {"name": each.name, "type": each.type, "address": f"{scheme}://{each.name}.{host}"} for each in tenants
        ],
        "people": _people(serving),
    }


def _people(serving: Serving) -> list[dict[str, Any]]:
    """The people whom the world began with; the roles of a tenant's first, its administrator, come with the tenant."""
    roots = {each.name: each.root for each in serving.embedded.engine.indexes.tenants.all()}
    people: list[dict[str, Any]] = []
    for tenant in serving.world.tenants if serving.world else ():
        root = roots.get(tenant.name)
        if root is None:
            # The world has grown since the installation began with it.
            continue
        for person in tenant.people:
            roles = [
                {"role": each.role, "scope": scope_at(root, each.path), "path": " > ".join(("Global", *each.path))}
                for each in person.roles
            ]
            people.append({"tenant": tenant.name, "email": person.email, "password": person.password, "roles": roles})
    return people
