"""The OpenAPI document of routes that read and write msgspec structs. ``openapi.yaml`` is its committed form."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.service.problem import PROBLEM_SCHEMA
from app.service.upload import FILE_TYPES, MULTIPART
from app.service.wire import schema

_documented: Final[dict[str, type[Any]]] = {}
IDEMPOTENCY_HEADER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{16,255}$"},
}


KEYED: Final[dict[str, Any]] = {"parameters": [IDEMPOTENCY_HEADER]}
MATCHED: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "description": "The ETag of the version that is replaced; 412 when another one is there.",
            "schema": {"type": "string", "pattern": r'^(\*|"[!#-~]*")$'},
        }
    ]
}
PREFER_HEADER: Final = {
    "name": "Prefer",
    "in": "header",
    "description": "return=minimal leaves out summary, trace and lines; Preference-Applied says so.",
    "schema": {"type": "string"},
}
TAGGED: Final[dict[str, Any]] = {
    "ETag": {"description": "The version, for If-Match of a PUT.", "schema": {"type": "string"}}
}


def _reference(type_: type[Any]) -> dict[str, str]:
    _documented[type_.__name__] = type_
    return {"$ref": f"#/components/schemas/{type_.__name__}"}


def body(type_: type[Any], *, keyed: bool = False, matched: bool = False, preferred: bool = False) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that reads a struct; ``keyed``: it needs an Idempotency-Key; ``matched``: it
    replaces a version that If-Match may name; ``preferred``: it heeds ``Prefer: return=minimal``."""
    extra: dict[str, Any] = {
        "requestBody": {"required": True, "content": {"application/json": {"schema": _reference(type_)}}}
    }
    if keyed:
        extra |= KEYED
    if matched:
        extra |= MATCHED
    if preferred:
        extra["parameters"] = [*extra.get("parameters", ()), PREFER_HEADER]
    return extra


def takes_file(types: tuple[str, ...] = FILE_TYPES) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that takes a file, by itself or in a form, under an Idempotency-Key."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    form = {"type": "object", "required": ["file"], "properties": {"file": binary["schema"]}}
    content = dict.fromkeys(types, binary) | {
        MULTIPART: {"schema": form | {"description": "The query's parameters may be fields of the form."}}
    }
    return {"requestBody": {"required": True, "content": content}} | KEYED


def gives(
    status: int, type_: type[Any], *, listed: bool = False, versioned: bool = False
) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that answers a struct, with its ETag when ``versioned``, or a page of them."""
    content: dict[str, Any] = _reference(type_)
    if listed:
        content = {
            "type": "object",
            "required": ["data", "has_more", "next_cursor"],
            "properties": {
                "data": {"type": "array", "items": content},
                "has_more": {"type": "boolean"},
                "next_cursor": {"type": ["string", "null"]},
            },
        }
    response: dict[str, Any] = {"description": "OK", "content": {"application/json": {"schema": content}}}
    if versioned:
        response["headers"] = TAGGED
    return {status: response}


def install(app: FastAPI) -> None:
    """Let the application describe itself with its structs, its problems and its authentication."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            components = document.setdefault("components", {})
            components["schemas"] = dict(
                sorted((schema(tuple(_documented.values())) | {"Problem": PROBLEM_SCHEMA}).items())
            )
            components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{"token": []}]
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _tidy(operation)
                    if not path.startswith("/v1/"):
                        operation["security"] = []
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _tidy(operation: dict[str, Any]) -> None:
    """Drop the framework's own validation error; every refusal is a Problem."""
    responses = operation["responses"]
    responses.pop("422", None)
    if (
        len(responses) > 1
        and responses.get("200", {}).get("content", {}).get("application/json", {}).get("schema") == {}
    ):
        responses.pop("200")
    responses["default"] = {
        "description": "Problem",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
