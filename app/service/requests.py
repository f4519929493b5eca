"""What is seen of every request: its id, its metrics and its log line, by the template of its route.

Neither a metric nor a log line ever holds a raw path or a query, because paths contain the ids of persons.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from fastapi.routing import iter_route_contexts
from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import tracing
from app.basics.text import folded
from app.service.logs import redacted, request_id_variable
from app.service.metrics import (
    http_request_duration_seconds,
    http_requests,
    http_requests_in_progress,
    observe_rejection,
    uncaught_errors,
)
from app.service.rates import Allowance
from app.service.spelling import AsSent

_SLASH: Final = "／"
UNMATCHED: Final = "unmatched"
CLIENT_CLOSED: Final = 499
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_access = logging.getLogger("onestop.http")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_ANYTHING = re.compile("")
_CONVERTOR = re.compile(r":[^{}]+}")
_PARAMETER = re.compile(r"\\{[^{}]*?(:path)?\\}")


class _Exchange:
    """What is seen of one request: wraps ``receive`` and ``send``. Times in seconds of ``perf_counter``."""

    __slots__ = ("_receive", "_send", "_state", "bytes_sent", "ended", "gone", "request_id", "started", "status")

    def __init__(self, request_id: str, state: Mapping[str, Any], receive: Receive, send: Send) -> None:
        self.request_id = request_id
        self._state = state
        self._receive = receive
        self._send = send
        self.status = 0
        self.bytes_sent = 0
        self.gone = False
        self.ended = 0.0
        self.started = time.perf_counter()

    async def receive(self) -> Message:
        """Pass a message on, noticing a client that left before its answer began."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self.status:
            self.gone = True
        return message

    async def send(self, message: Message) -> None:
        """Pass a message on, adding ``X-Request-Id`` and what is left of the sender's requests to the head, and
        counting the body."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [header for header in message.get("headers", ()) if header[0] != b"x-request-id"]
            headers.append((b"x-request-id", self.request_id.encode()))
            allowance: Allowance | None = self._state.get("allowance")
            if allowance is not None:
                headers += allowance.headers
            message["headers"] = headers
        await self._send(message)
        if message["type"] == "http.response.body":
            self.bytes_sent += len(message.get("body", b""))
            if not message.get("more_body", False):
                self.ended = time.perf_counter()

    def close(self, *, failed: bool) -> None:
        """Settle status and end: 499 when nobody waited for the answer, 500 when there was none."""
        if self.gone:
            self.status = CLIENT_CLOSED
        elif failed and not self.status:
            self.status = 500
        self.ended = self.ended or time.perf_counter()


class RouteTemplates:
    """The templates of an application's routes, by which a request is named without the ids in its path."""

    def __init__(self) -> None:
        self._known: dict[int, list[tuple[re.Pattern[str], str]]] = {}

    def of(self, scope: Scope, root: ASGIApp) -> str:
        """The template of the route that was chosen. Looked up by endpoint: ``scope["route"]`` is unset for plain
        Starlette routes of a FastAPI application, and lacks the prefix of an included router and of a mount."""
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return UNMATCHED
        candidates = self._known.get(id(endpoint))
        if candidates is None:
            while not hasattr(root, "routes") and hasattr(root, "app"):
                root = root.app
            self._known = _templates(getattr(root, "routes", ()))
            candidates = self._known.setdefault(id(endpoint), [])
        if len(candidates) == 1:
            return candidates[0][1]
        return next((template for pattern, template in candidates if pattern.search(scope["path"])), UNMATCHED)


class RequestMiddleware:
    """Gives each request its id, counts and times it by route template, and writes its log line. Pure ASGI.

    Best as the outermost layer (``RequestMiddleware(app)``): added with ``add_middleware`` it doesn't see the answer
    to an unexpected exception, whose handler then sets ``X-Request-Id`` itself. Requests of ``quiet`` templates are
    logged at debug level. Does not log exceptions: they pass through, and the server logs them under the same id.
    """

    def __init__(self, app: ASGIApp, *, quiet: Collection[str] = ()) -> None:
        self.app = app
        self._quiet = frozenset(quiet)
        self._templates = RouteTemplates()
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other scopes pass untouched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent_path = scope["path"].rstrip("/") or "/"  # nobody is redirected: it would go where the Host header says
        scope["path"] = folded_path(sent_path)
        root = scope.get("app", self.app)  # now, because a mounted application puts itself there
        state = scope.setdefault("state", {})
        exchange = _Exchange(_request_id(scope["headers"]), state, receive, AsSent(send, scope, sent_path))
        state["request_id"] = exchange.request_id
        token = request_id_variable.set(exchange.request_id)
        traced = None if scope["path"] in self._quiet else tracing.arrived(scope["headers"])
        http_requests_in_progress.inc()
        failed = True
        try:
            await self.app(scope, exchange.receive, exchange.send)
            failed = False
        except (ClientDisconnect, asyncio.CancelledError):
            exchange.gone = exchange.gone or not exchange.status
            raise
        except Exception:
            uncaught_errors.inc()
            raise
        finally:
            http_requests_in_progress.dec()
            exchange.close(failed=failed)
            template = self._templates.of(scope, root)
            self._record(scope, exchange, template)
            if traced is not None:
                traced.end(
                    method=_known_method(scope),
                    template=template,
                    status=exchange.status,
                    request_id=exchange.request_id,
                )
        # After an exception it stays set: the server logs the traceback later, in this same task.
        request_id_variable.reset(token)

    def _record(self, scope: Scope, exchange: _Exchange, template: str) -> None:
        method = _known_method(scope)
        key = (method, template, exchange.status)
        if key not in self._series:
            counter = http_requests.labels(method, template, str(exchange.status))
            self._series[key] = (counter, http_request_duration_seconds.labels(method, template))
        counter, histogram = self._series[key]
        seconds = exchange.ended - exchange.started
        counter.inc()
        histogram.observe(seconds)
        observe_rejection(scope["state"].get("rejections", ()), route=template)
        level = logging.ERROR if exchange.status >= 500 else logging.DEBUG if template in self._quiet else logging.INFO
        if _access.isEnabledFor(level):
            _access.handle(_request_record(level, scope, exchange, method=method, template=template, seconds=seconds))


def _known_method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "other"


def folded_path(path: str) -> str:
    """A path with each segment as ids are compared, so that an id in a path is what it is in a body. A full-width
    slash stays: it would part what is one segment."""
    if path.isascii() and " " not in path and "\t" not in path:
        return path
    return "/".join(_SLASH.join(map(folded, segment.split(_SLASH))) for segment in path.split("/"))


def _request_record(
    level: int, scope: Scope, exchange: _Exchange, *, method: str, template: str, seconds: float
) -> logging.LogRecord:
    message = f"{method} {template} {exchange.status}"
    record = logging.LogRecord(_access.name, level, __file__, 0, message, None, None)
    record.fields = {
        "method": method,
        "route": template,
        "status": exchange.status,
        "duration_ms": round(seconds * 1000, 3),
        "subject": scope["state"].get("subject"),
        "bytes": exchange.bytes_sent,
    }
    return record


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The client's id when it is fit to be logged, otherwise a new one of 96 random bits."""
    for name, value in headers:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(text) and redacted(text) == text:
                return text
            break
    return f"req_{secrets.token_urlsafe(12)}"


def _templates(routes: Iterable[BaseRoute]) -> dict[int, list[tuple[re.Pattern[str], str]]]:
    """Endpoint (its ``id``) to its templates, longest first, with the patterns that tell several apart."""
    found: dict[int, dict[str, str]] = {}
    for endpoint, path in _endpoints(routes):
        found.setdefault(id(endpoint), {})[_CONVERTOR.sub("}", path)] = path
    return {
        key: [
            (_pattern(path) if len(paths) > 1 else _ANYTHING, template)
            for template, path in sorted(paths.items(), key=lambda pair: -len(pair[0]))
        ]
        for key, paths in found.items()
    }


def _endpoints(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[object, str]]:
    """Every endpoint with its path; mounts are entered."""
    for context in iter_route_contexts(list(routes)):
        path = prefix + (context.path or "")
        if isinstance(context.original_route, Mount):
            yield from _endpoints(context.original_route.routes, path)
            yield context.app, path + "/{path:path}"
        else:
            yield context.endpoint, path


def _pattern(path: str) -> re.Pattern[str]:
    found = _PARAMETER.sub(lambda match: ".*" if match[1] else "[^/]+", re.escape(path))
    return re.compile(found + r"\Z")
