"""Errors as RFC 9457 problems, and the one place where a request's body is read.

Every refusal leaves the service through here: with its code, its message in the reader's language, the request id and
all faults. Nothing of the input, and no text of an unexpected exception, is ever part of it.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.basics.errors import Fault, OnestopError, Refused, TooLarge, UnsupportedMedia
from app.service.messages import fault_text, language_of, summary, title
from app.service.walk import MAX_FAULTS, shown_key

PROBLEM_TYPE: Final = "application/problem+json"
CODE_PREFIX: Final = "urn:onestop:problem:"
CLIENT_CLOSED: Final = 499
LOGGER: Final = logging.getLogger("onestop")

RETRY_SECONDS: Final[Mapping[int, str]] = {429: "1", 503: "2"}
RETRY_LATER: Final = "idempotency_in_progress"

_JSON_BODY: Final = re.compile(r'application/json\s*(;\s*charset\s*=\s*("utf-8"|utf-8)\s*)?;?', re.IGNORECASE)
_PLACES: Final = frozenset({"query", "path", "header", "cookie"})
_HTTP_CODES: Final[Mapping[int, str]] = {
    400: "malformed_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    412: "precondition_failed",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "request_refused",
    429: "too_many_requests",
    503: "unavailable",
}

PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457. Further members may stand beside these, by code.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id", "retryable", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": [f"{CODE_PREFIX}line_amount_mismatch"]},
        "title": {"type": "string", "description": "The kind of problem, in the language of the answer."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong here and what to do next."},
        "code": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "description": "Stable; decide by this."},
        "request_id": {"type": "string"},
        "retryable": {"type": "boolean", "description": "Whether the same request, repeated later, may succeed."},
        "errors": {
            "type": "array",
            "description": "Every fault found, in the order of the request; empty when none belongs to a place in it.",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "RFC 6901 into the body; parameters as /query/…, /path/…, /header/….",
                    },
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}

# ---------------------------------------------------------------- answering


def problem_response(error: OnestopError, *, request_id: str, language: str, status: int | None = None) -> Response:
    """An error as its answer, with the error's own headers; under another ``status`` than its class has, where the
    framework refused something."""
    code, status = error.code, error.status if status is None else status
    content = {
        **error.extra,
        "type": CODE_PREFIX + code,
        "title": title(code, language),
        "status": status,
        "detail": summary(code, error.values, len(error.faults), language),
        "code": code,
        "request_id": request_id,
        "retryable": error.retryable or status in RETRY_SECONDS or code == RETRY_LATER,
        "errors": [
            {"pointer": fault.pointer, "code": fault.code, "message": fault_text(fault, language)}
            for fault in error.faults[:MAX_FAULTS]
        ],
    }
    sent = {"Content-Language": language, "Cache-Control": "no-store"}
    wait = "1" if code == RETRY_LATER else RETRY_SECONDS.get(status)
    if wait is not None and not any(name.lower() == "retry-after" for name in error.headers):
        sent["Retry-After"] = wait
    return Response(msgspec.json.encode(content), status, {**sent, **error.headers}, PROBLEM_TYPE)


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", "unknown"))


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language"))


# ---------------------------------------------------------------- handlers


def install(app: FastAPI) -> None:
    """Let the application answer every error as a problem. Call it once, before the first request."""
    app.add_exception_handler(OnestopError, _ours)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, OnestopError)
    request.state.rejections = [fault.code for fault in error.faults] or [error.code]
    return problem_response(error, request_id=_request_id(request), language=_language(request))


async def _parameters(request: Request, error: Exception) -> Response:
    """Parameters that the framework refused, without what was sent in them."""
    assert isinstance(error, RequestValidationError)
    faults = [_parameter_fault(one.get("loc", ())) for one in error.errors()[:MAX_FAULTS]]
    return await _ours(request, Refused(faults or [_parameter_fault(())]))


def _parameter_fault(location: Iterable[object]) -> Fault:
    """The place of a refused parameter; a part that could be the client's own text ends the pointer."""
    parts = [str(part) for part in location]
    if parts[:1] == ["body"]:
        parts = parts[1:]
    shown: list[str] = []
    for part in parts:
        if not shown_key(part):
            break
        shown.append(part)
    names = [part for part in shown if part not in _PLACES]
    return Fault("".join(f"/{part}" for part in shown), "invalid_parameter", {"parameter": (names or ["body"])[0]})


async def _framework(request: Request, error: Exception) -> Response:
    """What routing refused: no such path, no such method. Its text is replaced by ours, its headers stay."""
    assert isinstance(error, HTTPException)
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    fallback = "request_refused" if error.status_code < 500 else "internal_error"
    return problem_response(
        OnestopError(_HTTP_CODES.get(error.status_code, fallback), headers=error.headers),
        request_id=_request_id(request),
        language=_language(request),
        status=error.status_code,
    )


async def _gone(request: Request, error: Exception) -> Response:
    """The client left while its body was read: nobody sees this answer, and it is no defect."""
    return Response(status_code=CLIENT_CLOSED)


async def _unexpected(request: Request, error: Exception) -> Response:
    """A defect: logged under the request id, answered without any of its text."""
    request_id = _request_id(request)
    LOGGER.error(
        "unexpected error in request %s; report it with its traceback",
        request_id,
        exc_info=error,
        extra={"fields": {"request_id": request_id}},
    )
    return problem_response(OnestopError("internal_error"), request_id=request_id, language=_language(request))


# ---------------------------------------------------------------- reading


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a JSON request, at most ``limit`` bytes.

    UnsupportedMedia unless it is plain UTF-8 JSON by its headers, TooLarge as soon as it is known to be: by its
    ``Content-Length`` before anything is read, otherwise while reading. Doesn't look at what the body holds.
    """
    headers = request.headers
    if _JSON_BODY.fullmatch(headers.get("content-type", "").strip()) is None:
        raise UnsupportedMedia("unsupported_media_type", headers={"Accept": "application/json"})
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMedia("unsupported_media_type", headers={"Accept-Encoding": "identity"})
    declared = headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
        raise too_large(limit)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def too_large(limit: int) -> TooLarge:
    """What a body of more than ``limit`` bytes is answered."""
    return TooLarge("body_too_large", values={"limit": str(limit)})
