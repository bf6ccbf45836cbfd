"""Pages and documents that the gateway serves to GET requests: the first page, the reference, the public keys."""

import html
import re
from importlib.resources import files
from string import Template
from typing import Any, cast

import msgspec

import osteon
from osteon.adapters.ed25519 import HeadSigner
from osteon.app.world import TenantSeed, World, scope_at
from osteon.engine import Engine
from osteon.gateway import Request, Response
from osteon.gateway.meanings import MEANINGS, meaning_of
from osteon.gateway.openapi import openapi
from osteon.gateway.problems import status_of
from osteon.model import Problem, ScopeId
from osteon.ports.directory import TenantEntry

__all__ = ["Pages"]

_ASSETS = files("osteon.app") / "assets"
_KINDS = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_SAFE = (
    (
        "content-security-policy",
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-cache"),
)
_CHOICE = Template('<li><a class="choice plain" href="http://$name.$host/">$name<small>$type</small></a></li>')
_PROBLEM = re.compile("/problems/([a-z][a-z-]*)(?:[.]([a-z][a-z-]*))?")


class Pages:
    """Answers GET requests; what costs something to make is made once."""

    def __init__(self, engine: Engine, domain: str) -> None:
        """Pages of the engine's product; where it begins with a world, they show its people."""
        self._engine = engine
        self._domain = domain
        self._world = cast("World | None", engine.product.world)
        self._known = {
            f"/assets/{name}": _asset(name) for name in ("look.css", "dom.js", "first.js", "docs.js", "mark.svg")
        }
        self._known |= {"/": _asset("first.html"), "/docs": _asset("docs.html")}
        self._entrance = Template((_ASSETS / "entrance.html").read_text("utf-8"))
        self._problem = Template((_ASSETS / "problem.html").read_text("utf-8"))

    def __call__(self, request: Request) -> Response | None:
        """The page at the request's path; None where there is none."""
        if request.host == self._domain and not request.path.startswith("/assets/"):
            return self._choice(request) if request.path == "/" else None
        known = self._known.get(request.path)
        if known is not None:
            return known
        match request.path:
            case "/openapi.json":
                return self._contract()
            case "/tenant.json":
                return self._tenant(request)
            case "/.well-known/jwks.json":
                return self._keys(request)
            case "/.well-known/journal-keys.json":
                return self._journal_keys(request)
            case _:
                return self._meaning(request.path)

    def _choice(self, request: Request) -> Response | None:
        """The tenants to choose from, on the host that belongs to none; only where a world makes them known anyway."""
        if self._world is None:
            return None
        host = request.headers.get("host", "")
        tenants = (
            _CHOICE.substitute(host=html.escape(host), name=html.escape(entry.name), type=html.escape(entry.type))
            for entry in self._engine.indexes.tenants.all()
        )
        product = html.escape(self._engine.product.name)
        return _document(self._entrance.substitute(product=product, tenants="".join(tenants)).encode(), _KINDS["html"])

    def _contract(self) -> Response:
        contract = openapi(self._engine.product, osteon.__version__)
        response = _document(msgspec.json.encode(contract), "application/json")
        return self._known.setdefault("/openapi.json", response)

    def _tenant(self, request: Request) -> Response | None:
        """What the first page shows of the tenant: its people, where it belongs to the world that all began with."""
        entry = self._entry(request)
        if entry is None:
            return None
        seeds = {seed.name: seed for seed in self._world.tenants} if self._world else {}
        people = _people(seeds[entry.name], entry.root) if entry.name in seeds else []
        examples = [each._asdict() for each in self._world.examples] if self._world and people else []
        about = {"product": self._engine.product.name, "tenant": entry.name, "people": people, "examples": examples}
        return _document(msgspec.json.encode(about), "application/json")

    def _keys(self, request: Request) -> Response | None:
        entry = self._entry(request)
        if entry is None:
            return None
        keys = self._engine.ports.tokens.public_keys(entry.tenant)
        return _document(msgspec.json.encode(keys), "application/jwk-set+json")

    def _journal_keys(self, request: Request) -> Response | None:
        """The key that signs the heads of the tenant's journal."""
        entry = self._entry(request)
        if entry is None:
            return None
        published = HeadSigner(self._engine.ports.keyring, entry.tenant).public.published
        return _document(msgspec.json.encode(published), "application/jwk-set+json")

    def _meaning(self, path: str) -> Response | None:
        """The page of a problem: of the platform's own, or of a module's."""
        found = _PROBLEM.fullmatch(path)
        key = path.removeprefix("/problems/")
        modules = {module.name for module in self._engine.product.modules}
        if found is None or (key not in MEANINGS and (found[2] is None or found[1] not in modules)):
            return None
        status = status_of(Problem(key=key))
        source = "the platform" if key in MEANINGS else f"the module {found[1]}"
        meaning = html.escape(meaning_of(key, status))
        page = self._problem.substitute(key=html.escape(key), status=status, source=source, meaning=meaning)
        return _document(page.encode(), _KINDS["html"])

    def _entry(self, request: Request) -> TenantEntry | None:
        return self._engine.indexes.tenants.named(request.host.removesuffix(f".{self._domain}"))


def _asset(name: str) -> Response:
    return _document((_ASSETS / name).read_bytes(), _KINDS[name.rpartition(".")[2]])


def _document(body: bytes, kind: str) -> Response:
    return Response(200, body, (("content-type", kind), *_SAFE))


def _people(tenant: TenantSeed, root: ScopeId) -> list[dict[str, Any]]:
    """The people of a world's tenant, with the passwords that everybody knows."""
    return [
        {
            "email": person.email,
            "name": person.name,
            "password": person.password,
            "roles": [
                {"role": each.role, "scope": scope_at(root, each.path), "path": each.path} for each in person.roles
            ],
        }
        for person in tenant.people
    ]
