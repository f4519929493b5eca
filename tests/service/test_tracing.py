"""Spans of requests reach a collector in the caller's trace, and say nothing of persons."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from app import tracing
from tests.conftest import ADMIN_TOKEN, SERVICE_LOG, migrated_database, start_service
from tests.world import id_number

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Collector:
    """A receiver of OTLP over HTTP on a free port."""

    def __init__(self) -> None:
        received = self.received = []  # type: list[bytes]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}/v1/traces"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def spans(self) -> list[Span]:
        """Every span that came."""
        return [
            span
            for body in self.received
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that runs during a test."""
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


async def test_a_request_is_a_span_of_its_callers_trace(
    database_server: str, collector: Collector, tmp_path: Path
) -> None:
    """The span has the trace and parent of the traceparent header, the route's template and no person; its transactions
    are its children; the log line bears the trace's id; probes are no spans."""
    url = await migrated_database(database_server)
    process, base_url = start_service(url, tmp_path, ONESTOP_TRACES_ENDPOINT=collector.endpoint)
    number = id_number()
    try:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "traceparent": f"00-{TRACE}-{PARENT}-01"}
        body = {"name": "李某", "id_number": number, "area_code": "530127", "insurance_type": "390", "identities": []}
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
            assert (await client.put("/v1/persons/PTRACED", json=body)).status_code == 200
            assert (await client.get("/v1/persons/PTRACED")).status_code == 200
            await client.get("/livez")
    finally:
        process.terminate()
        assert process.wait(30) == 0
    mine = [span for span in collector.spans if span.trace_id.hex() == TRACE]
    served = {span.name: span for span in mine if span.parent_span_id.hex() == PARENT}
    assert set(served) == {"PUT /v1/persons/{person_id}", "GET /v1/persons/{person_id}"}
    children = [span for span in mine if span.parent_span_id == served["PUT /v1/persons/{person_id}"].span_id]
    assert {span.name for span in children} == {"transaction"}
    told = {one.key for one in served["GET /v1/persons/{person_id}"].attributes}
    assert told == {"http.request.method", "http.route", "http.response.status_code", "onestop.request_id"}
    everything = b"".join(collector.received)
    assert not [text for text in (number, "李某", "PTRACED") if text.encode() in everything]
    lines = [json.loads(line) for line in SERVICE_LOG.read_text().splitlines() if TRACE in line]
    assert {(line["route"], line["trace_id"]) for line in lines if "route" in line} == {
        ("/v1/persons/{person_id}", TRACE)
    }


def test_without_a_collector_nothing_is_traced() -> None:
    """No span is made of a request or a transaction, whoever asks for one."""
    assert tracing.arrived([(b"traceparent", f"00-{TRACE}-{PARENT}-01".encode())]) is None
    assert tracing.step("transaction") is tracing.step("transaction")
    assert tracing.trace_id_variable.get() is None


@pytest.mark.parametrize("endpoint", ["collector:4318", "http://", "grpc://collector:4317"])
def test_a_collectors_address_is_looked_at(endpoint: str) -> None:
    """What is no address of OTLP over HTTP is told at the start."""
    assert tracing.endpoint_fault(endpoint) is not None
    assert tracing.endpoint_fault("http://collector:4318/v1/traces") is None
