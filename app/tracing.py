"""Traces of requests, when a collector is configured: OpenTelemetry spans by OTLP over HTTP, in the W3C trace context
of whoever asks. Off, nothing of OpenTelemetry is loaded, and a request costs a comparison more.

A span holds the template of the route, the status and the request id: never a path, a query, a body or an error's text,
in which persons could stand."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import urlsplit

trace_id_variable: ContextVar[str | None] = ContextVar("onestop_trace_id", default=None)

HEADERS: Final = (b"traceparent", b"tracestate")
EXPORT_SECONDS: Final = 5
MOST_WAITING: Final = 2048  # spans that wait for the collector; further ones are dropped
SERVER_ERROR: Final = 500
_NOTHING: Final[AbstractContextManager[object]] = nullcontext()


class _Traced:
    """What this process traces with; without a tracer nothing."""

    tracer: Any = None  # OpenTelemetry's, loaded when it is configured
    provider: Any = None
    propagator: Any = None


def endpoint_fault(endpoint: str) -> str | None:
    """What is wrong with a collector's address, None for nothing."""
    parts = urlsplit(endpoint)
    if parts.scheme in ("http", "https") and parts.hostname:
        return None
    return "write the collector's address as http://host:4318/v1/traces"


def begin(endpoint: str, *, share: float, version: str, instance: str) -> None:
    """Send spans to a collector from now on: of traces that begin here this share (0 to 1), of others as they say."""
    # Loaded here, because it takes 15 MB of each worker, which only those pay who want traces.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    told = {"service.name": "onestop", "service.version": version, "service.instance.id": instance}
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS)
    _Traced.provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(share)), resource=Resource.create(told), shutdown_on_exit=False
    )
    _Traced.provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=MOST_WAITING))
    _Traced.propagator = TraceContextTextMapPropagator()
    _Traced.tracer = _Traced.provider.get_tracer("onestop", version)


def end() -> None:
    """Send what waits, for some seconds at most, and trace no more."""
    if _Traced.provider is not None:
        _Traced.provider.force_flush(EXPORT_SECONDS * 1000)
        _Traced.provider.shutdown()
        _Traced.tracer = _Traced.provider = None


class Arrival:
    """The span of one request, from its arrival to the end of its answer."""

    __slots__ = ("_id_token", "_span", "_token")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        from opentelemetry import context, trace

        told = {name.decode(): value.decode("latin-1") for name, value in headers if name in HEADERS}
        parent = _Traced.propagator.extract(told)
        self._span = _Traced.tracer.start_span("request", context=parent, kind=trace.SpanKind.SERVER)
        self._token = context.attach(trace.set_span_in_context(self._span, parent))
        self._id_token = trace_id_variable.set(trace.format_trace_id(self._span.get_span_context().trace_id))

    def end(self, *, method: str, template: str, status: int, request_id: str) -> None:
        """Name the span by what was asked, and end it."""
        from opentelemetry import context, trace

        self._span.update_name(f"{method} {template}")
        self._span.set_attributes(
            {
                "http.request.method": method,
                "http.route": template,
                "http.response.status_code": status,
                "onestop.request_id": request_id,
            }
        )
        if status >= SERVER_ERROR:
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()
        context.detach(self._token)
        trace_id_variable.reset(self._id_token)


def arrived(headers: Iterable[tuple[bytes, bytes]]) -> Arrival | None:
    """The span of a request that has arrived, None where nothing is traced."""
    return None if _Traced.tracer is None else Arrival(headers)


def step(name: str) -> AbstractContextManager[object]:
    """A span of something that a request waits for, such as a transaction; of nothing where nothing is traced."""
    if _Traced.tracer is None:
        return _NOTHING
    span: AbstractContextManager[object] = _Traced.tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False
    )
    return span
