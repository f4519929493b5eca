"""Every metric, structured logs without personal data, and request ids.

Metrics are right with several workers: the ``serve`` parent calls :func:`prepare_multiprocess` before it starts them,
and each worker then writes to its own files, which :func:`render_metrics` adds up. Floats are fine in here: nothing
that is measured flows back into a calculation.

Neither a metric nor a log line ever holds a raw path or a query, because paths contain the ids of persons.
"""

import asyncio
import json
import logging
import os
import platform
import re
import secrets
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from fastapi.routing import iter_route_contexts
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import ENGINE_VERSION
from app.tiers.model import FUNDS

MULTIPROCESS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
UNMATCHED: Final = "unmatched"
CLIENT_CLOSED: Final = 499
LOG_ZONE: Final = timezone(timedelta(hours=8))
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PORTIONS: Final[Mapping[str, str]] = {**FUNDS, "hospital": "", "patient": ""}

IdempotencyResult = Literal["new", "replayed", "reused", "in_progress"]
IDEMPOTENCY_RESULTS: Final[tuple[IdempotencyResult, ...]] = ("new", "replayed", "reused", "in_progress")

_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ENGINE_BUCKETS = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1)
_LOCK_BUCKETS = (1e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)

# ---------------------------------------------------------------- metrics

http_requests = Counter("onestop_http_requests_total", "Requests answered.", ("method", "route", "status"))
http_request_duration_seconds = Histogram(
    "onestop_http_request_duration_seconds",
    "From the arrival of a request to the last byte of its answer.",
    ("method", "route"),
    buckets=_REQUEST_BUCKETS,
)
http_requests_in_progress = Gauge(
    "onestop_http_requests_in_progress", "Requests being answered now.", multiprocess_mode="livesum"
)
settlements = Counter("onestop_settlements_total", "Settlements committed.", ("kind", "medical_type", "paid_by"))
portion_yuan = Counter("onestop_portion_yuan_total", "Yuan settled, by who bears it.", ("portion", "fund"))
reversed_portion_yuan = Counter(
    "onestop_reversed_portion_yuan_total", "Yuan taken back, by who had borne it.", ("portion", "fund")
)
idempotency = Counter("onestop_idempotency_total", "What became of an idempotency key.", ("result",))
rejections = Counter("onestop_rejections_total", "Requests refused, by the codes of their faults.", ("code", "route"))
nhsa_transactions = Counter(
    "onestop_nhsa_transactions_total", "Transactions of the national interface.", ("infno", "outcome")
)
uncaught_errors = Counter("onestop_uncaught_errors_total", "Exceptions nobody expected; each one is a defect.")
engine_seconds = Histogram("onestop_engine_seconds", "One run of the pure waterfall.", buckets=_ENGINE_BUCKETS)
lock_wait_seconds = Histogram("onestop_lock_wait_seconds", "Waiting for a person's lock.", buckets=_LOCK_BUCKETS)
oldest_open_list_seconds = Gauge(
    "onestop_oldest_open_list_seconds",
    "Business time since the oldest poverty list was received that isn't matched yet; 0: none.",
    multiprocess_mode="mostrecent",
)
build_info = Gauge("onestop_build_info", "Always 1.", ("version", "engine", "python"), multiprocess_mode="livemax")


def _start_at_zero() -> None:
    """Make every series whose labels are known appear with 0, so that its first increase is seen by ``rate()``."""
    for result in IDEMPOTENCY_RESULTS:
        idempotency.labels(result)
    for portion, fund in PORTIONS.items():
        portion_yuan.labels(portion, fund)
        reversed_portion_yuan.labels(portion, fund)
    try:
        version = metadata.version("onestop")
    except metadata.PackageNotFoundError:
        version = "unknown"
    build_info.labels(version, ENGINE_VERSION, platform.python_version()).set(1)


_start_at_zero()


def observe_settlement(*, kind: str, medical_type: str, paid_by: str, portions: Mapping[str, int]) -> None:
    """Count one settlement, reversal or adjustment and its portions in fen. Call it after the commit.

    A counter never goes down: every amount of a ``reversal``, of either sign, and every negative amount of another
    kind goes to the counter of what was taken back. Never raises for an unknown portion: it is counted as ``other``.
    """
    settlements.labels(kind, medical_type, paid_by).inc()
    for portion, amount_fen in portions.items():
        if amount_fen:
            labels = (portion, PORTIONS[portion]) if portion in PORTIONS else ("other", "")
            taken_back = kind == "reversal" or amount_fen < 0
            counter = reversed_portion_yuan if taken_back else portion_yuan
            counter.labels(*labels).inc(abs(amount_fen) / 100)


def observe_idempotency(result: IdempotencyResult) -> None:
    """Count what became of one idempotency key."""
    idempotency.labels(result).inc()


def observe_rejection(codes: Iterable[str], *, route: str) -> None:
    """Count a refused request once for each of its different codes. ``route`` is a template, never a raw path."""
    for code in set(codes):
        rejections.labels(code, route).inc()


def prepare_multiprocess(directory: Path) -> None:
    """Empty a folder of earlier metrics and name it to the workers. Call it in the parent, before it starts them.

    The folder belongs to one server alone. The parent's own observations are not in it: it imported this module before.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stale in directory.glob("*.db"):
        stale.unlink(missing_ok=True)
    os.environ[MULTIPROCESS_VARIABLE] = str(directory)


def forget_dead_workers() -> None:
    """Drop the gauges of workers that are gone; their counters stay, so that totals never go down.

    Each worker calls it when it starts, since a crashed one can't. Does nothing with one process.
    """
    directory = os.environ.get(MULTIPROCESS_VARIABLE)
    for path in Path(directory).glob("gauge_live*_*.db") if directory else ():
        pid = int(path.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            multiprocess.mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]


def render_metrics() -> tuple[bytes, str]:
    """The metrics of all workers in Prometheus' text form, with their content type.

    Reads files when there are several workers, some milliseconds: call it in a thread. ``process_*`` are absent then.
    """
    directory = os.environ.get(MULTIPROCESS_VARIABLE)
    if not directory:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


# ---------------------------------------------------------------- logs

request_id_variable: ContextVar[str | None] = ContextVar("onestop_request_id", default=None)

_ID_NUMBER = re.compile(r"\d{17,}[\dXx]")
_CREDENTIAL = re.compile(r"\bbearer\s+[^\s\"',;]+|\bost_[a-z0-9_-]{16,}", re.IGNORECASE)
# Drivers and validators quote values: rows and parameters of a statement, the input that was refused.
_QUOTED_VALUES = re.compile(
    r"(?P<head>^[ |]*(?:DETAIL:|CONTEXT: +COPY|\[parameters:)|\binput_value=).*?(?P<tail>, input_type=|$)", re.MULTILINE
)


def redacted(text: str) -> str:
    """The text without id numbers (18 digits, or 17 and X; also within longer runs) and without bearer tokens.

    Can't know names, and leaves id numbers of the old form (15 digits) or with blanks in them.
    """
    return _CREDENTIAL.sub("[token]", _ID_NUMBER.sub("[id number]", text))


def _redacted_exception(text: str) -> str:
    return redacted(_QUOTED_VALUES.sub(r"\g<head> [withheld]\g<tail>", text))


def _loggable(value: object) -> object:
    """A field's value as it may be written: text redacted, other objects as redacted text."""
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 10**15):
        return value
    return redacted(str(value))


def _message(record: logging.LogRecord) -> str:
    """The message, also when its arguments don't fit: logging would print them as they are, with what is in them."""
    try:
        return record.getMessage()
    except Exception:  # whatever a __str__ may raise
        return f"{record.msg} [arguments don't fit]"


class JsonFormatter(logging.Formatter):
    """One JSON object per record: ts, level, logger, message, request_id, the record's ``fields``, exception.

    ``log.info("…", extra={"fields": {"settlement_id": …}})`` adds fields. All text is redacted, also of a traceback.
    """

    _encode = staticmethod(msgspec.json.Encoder().encode)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its newline."""
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, LOG_ZONE).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(_message(record).rstrip()),
        }
        if (request_id := request_id_variable.get()) is not None:
            line["request_id"] = request_id
        for name, value in getattr(record, "fields", {}).items():
            line.setdefault(name, _loggable(value))
        if record.exc_info:
            line["exception"] = _redacted_exception(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = redacted(record.stack_info)
        try:
            return self._encode(line).decode()
        except UnicodeEncodeError:  # half a surrogate pair
            return json.dumps(line)


def configure_logging(level: str) -> None:
    """Send every log line of this process, uvicorn's too, as JSON to stderr. Call it again at will: nothing doubles.

    Silences uvicorn's access log and httpx's request log, which hold raw paths. Raises ValueError for an unknown level.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.handlers[:] = [handler]
    logging.getLogger("alembic").setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
        logger.setLevel(logging.NOTSET)
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


# ---------------------------------------------------------------- requests

_access = logging.getLogger("onestop.http")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_CONVERTOR = re.compile(r":[^{}]+}")
_PARAMETER = re.compile(r"\\{[^{}]*?(:path)?\\}")


class _Exchange:
    """What is seen of one request: wraps ``receive`` and ``send``. Times in seconds of ``perf_counter``."""

    __slots__ = ("_receive", "_send", "bytes_sent", "ended", "gone", "request_id", "started", "status")

    def __init__(self, request_id: str, receive: Receive, send: Send) -> None:
        self.request_id = request_id
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
        """Pass a message on, adding ``X-Request-Id`` to the head and counting the body."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [header for header in message.get("headers", ()) if header[0] != b"x-request-id"]
            headers.append((b"x-request-id", self.request_id.encode()))
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


class TelemetryMiddleware:
    """Gives each request its id, counts and times it by route template, and writes its log line. Pure ASGI.

    Best as the outermost layer (``TelemetryMiddleware(app)``): added with ``add_middleware`` it doesn't see the answer
    to an unexpected exception, whose handler then sets ``X-Request-Id`` itself. Requests of ``quiet`` templates are
    logged at debug level. Does not log exceptions: they pass through, and the server logs them under the same id.
    """

    def __init__(self, app: ASGIApp, *, quiet: Collection[str] = ()) -> None:
        self.app = app
        self._quiet = frozenset(quiet)
        self._templates: dict[int, list[tuple[re.Pattern[str], str]]] = {}
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other scopes pass untouched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        root = scope.get("app", self.app)  # now, because a mounted application puts itself there
        exchange = _Exchange(_request_id(scope["headers"]), receive, send)
        scope.setdefault("state", {})["request_id"] = exchange.request_id
        token = request_id_variable.set(exchange.request_id)
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
            self._record(scope, exchange, self._template(scope, root))
        # After an exception it stays set: the server logs the traceback later, in this same task.
        request_id_variable.reset(token)

    def _template(self, scope: Scope, root: ASGIApp) -> str:
        """The template of the route that was chosen. Looked up by endpoint: ``scope["route"]`` is unset for plain
        Starlette routes of a FastAPI application, and lacks the prefix of an included router and of a mount."""
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return UNMATCHED
        candidates = self._templates.get(id(endpoint))
        if candidates is None:
            while not hasattr(root, "routes") and hasattr(root, "app"):
                root = root.app
            self._templates = _templates(getattr(root, "routes", ()))
            candidates = self._templates.setdefault(id(endpoint), [])
        if len(candidates) == 1:
            return candidates[0][1]
        return next((template for pattern, template in candidates if pattern.search(scope["path"])), UNMATCHED)

    def _record(self, scope: Scope, exchange: _Exchange, template: str) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
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


def _templates(routes: Iterable[BaseRoute], prefix: str = "") -> dict[int, list[tuple[re.Pattern[str], str]]]:
    """Endpoint (its ``id``) to its templates with their patterns, longest first; mounts are entered."""
    found: dict[int, list[tuple[re.Pattern[str], str]]] = {}
    for context in iter_route_contexts(list(routes)):
        path = prefix + (context.path or "")
        if isinstance(context.original_route, Mount):
            for key, inner in _templates(context.original_route.routes, path).items():
                found.setdefault(key, []).extend(inner)
            endpoint: Any = context.app
            path += "/{path:path}"
        else:
            endpoint = context.endpoint
        pattern = _PARAMETER.sub(lambda match: ".*" if match[1] else "[^/]+", re.escape(path))
        found.setdefault(id(endpoint), []).append((re.compile(pattern + r"\Z"), _CONVERTOR.sub("}", path)))
    for candidates in found.values():
        candidates.sort(key=lambda candidate: -len(candidate[1]))
    return found
