"""OpenAPI 3.1 of a product: every public command and query as an operation, with all that the gateway may answer."""

from collections.abc import Iterable, Sequence
from typing import Any

from osteon.domain import Product
from osteon.gateway.gateway import MAX_ITEMS
from osteon.gateway.meanings import MEANINGS, STATUSES
from osteon.gateway.problems import status_of
from osteon.messages import MessageType
from osteon.messages.schemas import DIALECT, Definitions, JsonSchema, described
from osteon.model import InvocationId, Misdeclared, Problem

__all__ = ["derived_fields", "openapi", "operation_id"]

_ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_UUID = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_SCHEMAS = "#/components/schemas/"

_QUERY_STATUSES = (400, 401, 403, 404, 408, 413, 415, 422, 429, 500, 503)
_COMMAND_STATUSES = tuple(sorted((*_QUERY_STATUSES, 409)))
_BULK_STATUSES = tuple(status for status in _QUERY_STATUSES if status != 403)
_COMMAND_HEADERS = ("IdempotencyKey", "Scope", "Action")
_QUERY_HEADERS = ("InvocationKey", "Scope", "Action", "After")

_ABOUT = """Commands ask for a change, queries for an answer; both by POST, with their fields as a JSON object.

An `accepted` command is durable. Retried under the same `Idempotency-Key` it gets the recorded verdict, and nothing is
done twice. A reply's `position`, sent as `Osteon-After` with a query, lets the query see at least what it tells.

Whatever is refused or rejected is answered with a problem (RFC 9457), whose `key` the client has words for."""
_ABOUT_BULK = "Every item has its own key, context, verdict and quota; the results come in the order of the items."


def openapi(product: Product, version: str) -> JsonSchema:
    """The whole document; the same product and version always give the same one."""
    definitions = Definitions(_SCHEMAS)
    asked = [message for message in product.catalogue if message.public and _is_open(product, message)]
    definitions.schema(InvocationId, given=False)
    paths: JsonSchema = {}
    schemas: JsonSchema = {}
    for message in sorted(asked, key=lambda each: (each.kind, each.module, each.name)):
        name = message.type.__name__
        schemas[name] = definitions.message(message, derived_fields(product, message))
        paths[f"/{_plural(message)}/{message.name}"] = {
            "post": _operation(product, message, definitions, schemas[name])
        }
    paths["/commands"] = {"post": _bulk_operation("command", asked)}
    paths["/queries"] = {"post": _bulk_operation("query", asked)}
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {"title": product.name, "version": version, "description": _ABOUT},
        "servers": [{"url": "/", "description": "The tenant whose host this is."}],
        "tags": [*({"name": module.name, **_told(module)} for module in product.modules), {"name": "bulk"}],
        "paths": paths,
        "components": {
            "schemas": _together(definitions.found, schemas, _own_schemas()),
            "parameters": _parameters(),
            "headers": _headers(),
            "responses": {_response_name(status): _problem_response(status) for status in _COMMAND_STATUSES},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def operation_id(message: MessageType) -> str:
    """The name of an operation, as a generated client calls it: `createProject`."""
    name = message.type.__name__
    return name[0].lower() + name[1:]


def derived_fields(product: Product, message: MessageType) -> tuple[str, ...]:
    """The wire names of the fields that a client may leave out because the gateway derives them from the key."""
    decider = product.deciders.get(message.type)
    creates = decider is not None and issubclass(message.type, decider.creating)
    return (message.fields[decider.entity],) if decider is not None and creates else ()


def _operation(product: Product, message: MessageType, definitions: Definitions, schema: JsonSchema) -> JsonSchema:
    guest = message.name in product.guests()
    command = message.kind == "command"
    headers = [*(_COMMAND_HEADERS if command else _QUERY_HEADERS), *(["Guest"] if guest else [])]
    about = described(message.type)
    return {
        "operationId": operation_id(message),
        "tags": [message.module],
        "summary": about.partition(". ")[0].partition("\n")[0].rstrip("."),
        "description": about,
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in headers],
        "requestBody": _body({"$ref": _SCHEMAS + message.type.__name__}, required=bool(schema["required"])),
        "responses": {
            "200": _answered(message, definitions),
            **_problems(_COMMAND_STATUSES if command else _QUERY_STATUSES),
        },
        "security": [{}, {"token": []}] if guest else [{"token": []}],
        "x-roles": _roles(product, message),
    }


def _bulk_operation(kind: str, asked: Iterable[MessageType]) -> JsonSchema:
    plural = {"command": "commands", "query": "queries"}[kind]
    names = [f"`{message.name}`" for message in asked if message.kind == kind]
    return {
        "operationId": f"bulk{plural.capitalize()}",
        "tags": ["bulk"],
        "summary": f"Ask several {plural} at once",
        "description": f"{_ABOUT_BULK} The types: {', '.join(names)}.",
        "parameters": [],
        "requestBody": _body({"$ref": _SCHEMAS + "Bulk"}, required=True),
        "responses": {
            "200": {"description": "The result of each item.", **_content({"$ref": _SCHEMAS + "BulkResults"})},
            **_problems(_BULK_STATUSES),
        },
        "security": [{}, {"token": []}],
    }


def _answered(message: MessageType, definitions: Definitions) -> JsonSchema:
    fields: JsonSchema = {"answer": definitions.answer(message), **_traced()}
    if message.kind == "query":
        return {"description": "Answered.", **_content(_whole(fields))}
    replayed = {"Idempotency-Replayed": {"$ref": "#/components/headers/IdempotencyReplayed"}}
    accepted = _whole({"verdict": {"const": "accepted"}, **fields, "settles": _settles()}, optional=("settles",))
    return {"description": "Accepted, and durable.", "headers": replayed, **_content(accepted)}


def _problems(statuses: Iterable[int]) -> JsonSchema:
    return {str(status): {"$ref": f"#/components/responses/{_response_name(status)}"} for status in statuses}


def _problem_response(status: int) -> JsonSchema:
    keys = [key for key in MEANINGS if status_of(Problem(key=key)) == status]
    told = "".join(f"\n- `{key}`: {MEANINGS[key]}" for key in keys)
    headers = [name for name, statuses in _HEADERS_OF_PROBLEMS.items() if status in statuses]
    return {
        "description": STATUSES[status] + (f"\n{told}" if told else ""),
        "headers": {name: {"$ref": f"#/components/headers/{name.replace('-', '')}"} for name in headers},
        "content": {"application/problem+json": {"schema": {"$ref": _SCHEMAS + "ProblemDetails"}}},
    }


_HEADERS_OF_PROBLEMS: dict[str, Sequence[int]] = {
    "Idempotency-Replayed": (401, 404, 409),
    "Retry-After": (429, 503),
    "WWW-Authenticate": (401,),
}


def _together(*parts: JsonSchema) -> JsonSchema:
    """All schemas by name.

    Raises:
        Misdeclared: Two have the same name.
    """
    names = [name for part in parts for name in part]
    for name in {name for name in names if names.count(name) > 1}:
        raise Misdeclared(f"Two types are called '{name}' in the contract; rename one.")
    return {name: part[name] for name in sorted(names) for part in parts if name in part}


def _own_schemas() -> JsonSchema:
    """The schemas of the wire itself."""
    text = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    problem: JsonSchema = {
        "type": {"type": "string", "description": "The path of the problem's page.", "pattern": "^/problems/"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "key": {"type": "string", "description": "What clients have words for.", "pattern": "^[a-z]+([.-][a-z]+)*$"},
        "params": {"type": "object", "description": "What the words speak of."},
        "retryable": {"type": "boolean", "description": "Whether the same request may fare better later."},
        "invocation": {"anyOf": [{"$ref": _SCHEMAS + "InvocationId"}, {"type": "null"}]},
    }
    item: JsonSchema = {
        "type": {"type": "string", "description": "The wire name, such as in the path of the single request."},
        "key": {**text, "description": "As `Idempotency-Key`."},
        "scope": {**text, "description": "As `Osteon-Scope`."},
        "after": {**text, "description": "As `Osteon-After`."},
        "action": {**text, "description": "As `Osteon-Action`."},
        "body": {"description": "The fields, as in the single request's body.", "default": {}},
    }
    whether = {"status": {"type": "integer"}, "replayed": {"type": "boolean"}}
    done = {**whether, "verdict": {"const": "accepted"}, "answer": {}, **_traced(), "settles": _settles()}
    results = [
        {**_whole(done, optional=("verdict", "settles")), "title": "Done"},
        {**_whole({**whether, **problem}), "title": "Refused"},
    ]
    return {
        "ProblemDetails": {"title": "ProblemDetails", **_whole(problem)},
        "Bulk": _closed(
            "Bulk",
            {
                "items": {"type": "array", "maxItems": MAX_ITEMS, "items": {"$ref": _SCHEMAS + "BulkItem"}},
                "stop": {"type": "boolean", "default": False, "description": "Run nothing after the first that fails."},
            },
            ["items"],
        ),
        "BulkItem": _closed("BulkItem", item, ["type"]),
        "BulkResults": {
            "title": "BulkResults",
            **_whole({"items": {"type": "array", "items": {"anyOf": results}}}),
        },
    }


def _parameters() -> JsonSchema:
    key = {"type": "string", "pattern": f"^({_ULID}|{_UUID})$"}
    ulid = {"type": "string", "pattern": f"^{_ULID}$"}
    made = "The ID of the invocation, made by the client: a ULID or a UUID."
    return {
        "IdempotencyKey": _header("Idempotency-Key", key, f"{made} A retry is sent under the same one.", required=True),
        "InvocationKey": _header("Idempotency-Key", key, made),
        "Scope": _header("Osteon-Scope", ulid, "The scope in which this is asked; without it the tenant's root."),
        "Action": _header("Osteon-Action", key, "What the person did, if several invocations belong to it."),
        "After": _header(
            "Osteon-After",
            {"type": "string", "minLength": 1},
            "The position of a reply, or several with commas: the answer shows at least what they tell of.",
        ),
        "Guest": _header(
            "Osteon-Guest",
            {"type": "string", "minLength": 16, "maxLength": 64},
            "128 random bits that the client keeps: the space of its keys as long as nobody is logged in.",
        ),
    }


def _headers() -> JsonSchema:
    return {
        "IdempotencyReplayed": {
            "description": "Here when the verdict was recorded before, by an earlier request under the same key.",
            "schema": {"const": "true"},
        },
        "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
        "WWWAuthenticate": {"description": "How to prove who asks.", "schema": {"type": "string"}},
    }


def _header(name: str, schema: JsonSchema, description: str, *, required: bool = False) -> JsonSchema:
    return {"name": name, "in": "header", "required": required, "description": description, "schema": schema}


def _is_open(product: Product, message: MessageType) -> bool:
    """Whether there is anybody who may ask for it."""
    return bool(_roles(product, message)) or message.name in product.guests()


def _roles(product: Product, message: MessageType) -> list[str]:
    """The roles that may ask for it."""
    granting = {policy for policy, types in product.policies().items() if message.name in types}
    return sorted(role for role, policies in product.role_policies().items() if granting & set(policies))


def _told(module: Any) -> JsonSchema:
    entities = [decider.entity.replace("_", " ") for decider in module.deciders]
    return {"description": f"Entities: {', '.join(entities)}."} if entities else {}


def _traced() -> JsonSchema:
    position = {"type": "string", "description": "Opaque; for `Osteon-After`."}
    return {"invocation": {"$ref": _SCHEMAS + "InvocationId"}, "position": position}


def _settles() -> JsonSchema:
    text = {"type": "string"}
    saga = _whole({"saga": text, "about": text, "event": text})
    told = "The sagas that go on with what happened. Each is settled once `get-<saga>` has `heard` of the event and says so."
    return {"type": "array", "items": saga, "description": told}


def _body(schema: JsonSchema, *, required: bool) -> JsonSchema:
    return {"required": required, **_content(schema)}


def _content(schema: JsonSchema) -> JsonSchema:
    return {"content": {"application/json": {"schema": schema}}}


def _whole(properties: JsonSchema, optional: Sequence[str] = ()) -> JsonSchema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _closed(title: str, properties: JsonSchema, required: list[str]) -> JsonSchema:
    document = {"title": title, "type": "object", "properties": properties, "required": required}
    return {**document, "additionalProperties": False}


def _plural(message: MessageType) -> str:
    return "commands" if message.kind == "command" else "queries"


def _response_name(status: int) -> str:
    return f"Problem{status}"
