"""Metrics of one and of several processes, log lines without personal data, request ids."""

import asyncio
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request as PlainRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from app.service import logs, metrics
from app.service.requests import RequestMiddleware

ID_NUMBER = "53010219800101001X"
TOKEN = "ost_" + "Ab3_-" * 9
QUIET = "/health"


def plain(_: PlainRequest) -> Response:
    return PlainTextResponse("plain")


def build() -> FastAPI:
    """An application with every way there is to add a route."""
    app, persons, v1 = FastAPI(), APIRouter(prefix="/persons"), APIRouter(prefix="/v1")

    @persons.get("/{person_id}")
    async def read(person_id: str, request: Request) -> dict[str, str]:
        request.state.subject = "li.hua"
        logging.getLogger("onestop.test").warning("read %s with Bearer %s", person_id, TOKEN)
        return {"request_id": request.state.request_id}

    @persons.get("/{person_id}/bills")
    @persons.get("/{person_id}/accounts/{year}")
    async def twice(person_id: str, year: int = 2018) -> int:
        return year

    @v1.get("/broken/{person_id}")
    async def broken(person_id: str) -> None:
        raise RuntimeError(f"cannot settle {person_id}, Bearer {TOKEN}")

    @v1.post("/bills")
    async def bill(content: dict[str, Any]) -> int:
        return len(content)

    @v1.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> Any:
            for _ in range(3):
                yield b"12345"

        return StreamingResponse(parts())

    app.add_api_route(QUIET, lambda: {}, methods=["GET"])
    v1.include_router(persons)
    app.include_router(v1)
    app.add_route("/hot/{visit_id}", plain, methods=["POST"])
    inner = FastAPI()
    inner.add_api_route("/page/{page_id}", lambda page_id: page_id)
    app.mount("/web", inner)
    app.mount("/plain/{area}", Starlette(routes=[Mount("/deep", routes=[Route("/{key}", plain)])]))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent))
    return app


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged as JSON while a test runs; the logging of before is put back afterwards."""
    root = logging.getLogger()
    before, level, stream = root.handlers[:], root.level, io.StringIO()
    names = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "httpx", "httpcore", "asyncio")
    states = {name: dict(vars(logging.getLogger(name))) for name in names}
    logs.configure_logging("info")
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    assert len(root.handlers) == 1
    handler.setStream(stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:] = before
    root.setLevel(level)
    for name, state in states.items():
        logging.getLogger(name).__dict__.update(state)
        logging.getLogger(name).setLevel(state["level"])


def lines(log: io.StringIO, logger: str = "onestop.http") -> list[dict[str, Any]]:
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line["logger"] == logger]


def call(*requests: tuple[str, str], headers: dict[str, str] | None = None, app: Any = None) -> list[httpx.Response]:
    """Send requests through the real middleware, one after the other."""
    wrapped = app or RequestMiddleware(build(), quiet={QUIET})

    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(wrapped, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            return [await client.request(method, path) for method, path in requests]

    return asyncio.run(run())


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


# ---------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("method", "path", "template", "status"),
    [
        ("GET", f"/v1/persons/{ID_NUMBER}", "/v1/persons/{person_id}", 200),
        ("POST", f"/v1/persons/{ID_NUMBER}", "/v1/persons/{person_id}", 405),
        ("GET", f"/v1/persons/{ID_NUMBER}/bills", "/v1/persons/{person_id}/bills", 200),
        ("GET", f"/v1/persons/{ID_NUMBER}/accounts/2018", "/v1/persons/{person_id}/accounts/{year}", 200),
        ("GET", f"/v1/persons/{ID_NUMBER}/accounts/x", "/v1/persons/{person_id}/accounts/{year}", 422),
        ("GET", f"/v1/broken/{ID_NUMBER}", "/v1/broken/{person_id}", 500),
        ("POST", "/hot/V1", "/hot/{visit_id}", 200),
        ("GET", "/hot/V1", "/hot/{visit_id}", 405),
        ("GET", f"/web/page/{ID_NUMBER}", "/web/page/{page_id}", 200),
        ("GET", f"/web/{ID_NUMBER}", "/web/{path}", 404),
        ("GET", f"/plain/530100/deep/{ID_NUMBER}", "/plain/{area}/deep/{key}", 200),
        ("GET", f"/static/{Path(__file__).name}", "/static/{path}", 200),
        ("GET", f"/v1/nothing/{ID_NUMBER}", "unmatched", 404),
        ("GET", f"/{ID_NUMBER}?q={ID_NUMBER}", "unmatched", 404),
    ],
)
@pytest.mark.parametrize("outermost", [True, False])
def test_a_request_is_counted_by_route_template(
    log: io.StringIO, method: str, path: str, template: str, status: int, outermost: bool
) -> None:
    """Whatever way a route was added, metrics and log line bear its whole template and never the path."""
    app: Any = build()
    if not outermost:
        app.add_middleware(RequestMiddleware)
    labels = {"method": method, "route": template, "status": str(status)}
    before = value("onestop_http_requests_total", **labels)
    timed = value("onestop_http_request_duration_seconds_count", method=method, route=template)
    (answer,) = call((method, path), app=RequestMiddleware(app) if outermost else app)
    assert answer.status_code == status
    assert value("onestop_http_requests_total", **labels) == before + 1
    assert value("onestop_http_request_duration_seconds_count", method=method, route=template) == timed + 1
    (line,) = lines(log)
    assert (line["method"], line["route"], line["status"]) == (method, template, status)
    assert ID_NUMBER not in log.getvalue()
    assert ID_NUMBER.encode() not in metrics.render_metrics()[0]


def test_an_unknown_method_is_other() -> None:
    """A method invented by a client makes no series of its own."""
    before = value("onestop_http_requests_total", method="other", route="unmatched", status="404")
    call(("BREW", "/coffee"), ("BREW-2", "/coffee"))
    assert value("onestop_http_requests_total", method="other", route="unmatched", status="404") == before + 2


def test_a_request_line_has_all_its_fields(log: io.StringIO) -> None:
    """The one line per request says when, who, what, how long and how much, under the request's id."""
    (answer,) = call(("GET", f"/v1/persons/{ID_NUMBER}"), headers={"X-Request-Id": "from-the_Client1"})
    (line,) = lines(log)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+08:00", line.pop("ts"))
    assert 0 < line.pop("duration_ms") < 10_000
    assert line == {
        "level": "info",
        "logger": "onestop.http",
        "message": "GET /v1/persons/{person_id} 200",
        "request_id": "from-the_Client1",
        "method": "GET",
        "route": "/v1/persons/{person_id}",
        "status": 200,
        "subject": "li.hua",
        "bytes": len(answer.content),
    }


def test_the_client_may_name_a_request(log: io.StringIO) -> None:
    """A fit X-Request-Id is kept: in the state, in the answer, and in every line logged meanwhile."""
    (answer,) = call(("GET", "/v1/persons/7"), headers={"X-Request-Id": "abcd-1234_Z"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "abcd-1234_Z"
    assert lines(log, "onestop.test")[0]["request_id"] == lines(log)[0]["request_id"] == "abcd-1234_Z"


@pytest.mark.parametrize(
    "text", ["short", "x" * 65, "has blank 1", "a\tb-123456", ID_NUMBER, f"id-{ID_NUMBER}", TOKEN, ""]
)
def test_an_unfit_request_id_is_replaced(log: io.StringIO, text: str) -> None:
    """An id that is malformed, or would carry an id number or a token into the logs, gives way to a new one."""
    first, second = call(("GET", "/v1/persons/7"), ("GET", "/none"), headers={"X-Request-Id": text})
    ids = [answer.headers.get_list("x-request-id") for answer in (first, second)]
    assert all(len(one) == 1 and re.fullmatch(r"req_[A-Za-z0-9_-]{16}", one[0]) for one in ids)
    assert ids[0] != ids[1]
    assert not text or f'"{text}"' not in log.getvalue()


def test_requests_at_the_same_time_keep_their_ids(log: io.StringIO) -> None:
    """Lines of interleaved requests bear each its own request's id."""
    app = FastAPI()

    @app.get("/{number}")
    async def slow(number: int) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
            logging.getLogger("onestop.test").info("step of %d", number)

    async def run() -> None:
        transport = httpx.ASGITransport(RequestMiddleware(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await asyncio.gather(*(client.get(f"/{n}", headers={"X-Request-Id": f"request-{n}"}) for n in range(9)))

    asyncio.run(run())
    steps = lines(log, "onestop.test")
    assert len(steps) == 45
    assert all(line["message"][8:] == line["request_id"][8:] for line in steps)


def test_an_unexpected_exception_is_counted_and_passed_on() -> None:
    """An exception nobody handles is counted, goes on to the server, and leaves nothing in progress."""
    before = value("onestop_uncaught_errors_total")
    app = RequestMiddleware(build())

    async def run() -> str | None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            with pytest.raises(RuntimeError):
                await client.get("/v1/broken/7", headers={"X-Request-Id": "request-7"})
        return logs.request_id_variable.get()  # where a server logs the traceback

    assert asyncio.run(run()) == "request-7"
    assert value("onestop_uncaught_errors_total") == before + 1
    assert value("onestop_http_requests_in_progress") == 0


def test_an_answer_has_one_request_id() -> None:
    """A handler that sets X-Request-Id itself doesn't double it, and its other headers stay."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({}, headers={"X-Request-Id": "another", "X-Other": "1"})(scope, receive, send)

    (answer,) = call(("GET", "/"), headers={"X-Request-Id": "request-1"}, app=RequestMiddleware(app))
    assert answer.headers.get_list("x-request-id") == ["request-1"]
    assert answer.headers["x-other"] == "1"


def test_a_streamed_answer_is_counted_whole(log: io.StringIO) -> None:
    """The bytes of an answer in parts are added up."""
    call(("GET", "/v1/stream"))
    assert lines(log)[0]["bytes"] == 15


def test_a_client_that_left_is_499(log: io.StringIO) -> None:
    """A client that disconnects while sending its bill is recorded as 499, not as an error of ours."""
    scope = {
        "type": "http", "method": "POST", "path": "/v1/bills", "query_string": b"", "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"100")],
    }  # fmt: skip
    messages: Iterator[Message] = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    async def send(_: Message) -> None:
        return None

    uncaught = value("onestop_uncaught_errors_total")
    asyncio.run(RequestMiddleware(build())(scope, receive, send))
    (line,) = lines(log)
    assert (line["status"], line["route"], line["level"]) == (499, "/v1/bills", "info")
    assert value("onestop_uncaught_errors_total") == uncaught


def test_a_cancelled_request_is_499(log: io.StringIO) -> None:
    """A request that is cancelled before its answer began is recorded as 499 and the cancellation goes on."""

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    async def run() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        task = asyncio.create_task(RequestMiddleware(app)(scope, app, app))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert lines(log)[0]["status"] == 499


def test_quiet_routes_are_counted_but_not_logged(log: io.StringIO) -> None:
    """Probes that come every second are counted, and logged only at debug level."""
    before = value("onestop_http_requests_total", method="GET", route=QUIET, status="200")
    call(("GET", QUIET))
    assert lines(log) == []
    assert value("onestop_http_requests_total", method="GET", route=QUIET, status="200") == before + 1


def test_other_scopes_pass_untouched() -> None:
    """Start, stop and websockets go through as they are."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        seen.append(scope)

    asyncio.run(RequestMiddleware(app)({"type": "lifespan"}, app, app))  # type: ignore[arg-type]
    assert seen == [{"type": "lifespan"}]


# ---------------------------------------------------------------- logs


def test_nothing_personal_is_logged(log: io.StringIO) -> None:
    """Messages, arguments, fields, tracebacks and warnings are written without id numbers and tokens."""
    logger = logging.getLogger("onestop.test")
    logger.info("person %s, %s", ID_NUMBER, {"a": ID_NUMBER.lower()})
    logger.info(
        "fields", extra={"fields": {"person": ID_NUMBER, "number": int(ID_NUMBER[:17] + "0"), "list": [ID_NUMBER]}}
    )
    logging.getLogger("uvicorn.error").error("Authorization: Bearer abc.def, bearer xyz, %s", TOKEN)
    try:
        try:
            raise KeyError(ID_NUMBER)
        except KeyError as error:
            raise ValueError(f"Bearer {TOKEN}") from error
    except ValueError:
        logger.exception("failed for %s", ID_NUMBER, stack_info=True)
    text = log.getvalue()
    for secret in (ID_NUMBER, ID_NUMBER.lower(), ID_NUMBER[:17], TOKEN, "abc.def", "xyz"):
        assert secret not in text
    failed = lines(log, "onestop.test")[-1]
    assert "KeyError" in failed["exception"]
    assert "ValueError" in failed["exception"]
    assert failed["stack"]


def test_values_quoted_by_drivers_and_validators_are_withheld(log: io.StringIO) -> None:
    """A traceback keeps what went wrong but not the row, the parameters or the input that it was about."""
    try:
        raise ValueError(
            "duplicate key value violates unique constraint\nDETAIL:  Key (name)=(张三) already exists.\n"
            "[SQL: INSERT INTO persons]\n[parameters: ('张三', 1)]\n"
            "Input should be a valid string [type=string_type, input_value='张三, 李四', input_type=int]"
        )
    except ValueError:
        logging.getLogger("onestop.test").exception("failed")
    exception = lines(log, "onestop.test")[0]["exception"]
    assert "张三" not in exception
    assert "李四" not in exception
    assert "unique constraint" in exception
    assert "INSERT INTO persons" in exception
    assert "input_type=int" in exception


@given(st.text(max_size=40), st.from_regex(r"[0-9]{17}[0-9Xx]", fullmatch=True), st.text(max_size=40))
def test_no_text_hides_an_id_number(before: str, number: str, after: str) -> None:
    """An id number disappears whatever stands around it, and redacting twice changes nothing more."""
    text = logs.redacted(before + number + after)
    assert number not in text
    assert logs.redacted(text) == text
    assert not re.search(r"\d{17}[\dXx]", text)


@given(
    st.from_regex(r"[A-Za-z0-9._~+/-]{1,60}=*", fullmatch=True),
    st.sampled_from(["Bearer", "bearer", "BEARER", "bEarer"]),
)
def test_no_bearer_token_is_left(token: str, scheme: str) -> None:
    """A token after the bearer scheme, in any case, disappears whole."""
    assert logs.redacted(f"header '{scheme}  {token}' refused") == "header '[token]' refused"


def test_amounts_and_ordinary_text_stay(log: io.StringIO) -> None:
    """Amounts, times, shorter ids and Chinese text are written as they are."""
    text = "结算 set_1234567890123456 2018-05-12T10:00:00+08:00 1234567890123.00"
    logging.getLogger("onestop.test").info(text, extra={"fields": {"count": 3, "share": 0.5, "on": True, "none": None}})
    (line,) = lines(log, "onestop.test")
    assert line["message"] == text
    assert "request_id" not in line
    assert (line["count"], line["share"], line["on"], line["none"]) == (3, 0.5, True, None)


def test_fields_cannot_replace_what_a_line_is() -> None:
    """A field named like a part of the line, or holding an odd object, can't break or forge the line."""
    record = logging.LogRecord("n", logging.INFO, "", 0, "m\n{}", None, None)
    record.fields = {"message": "forged", "odd": object(), "bytes": b"\xff"}
    text = logs.JsonFormatter().format(record)
    assert "\n" not in text
    assert json.loads(text)["message"] == "m\n{}"


@pytest.mark.parametrize(
    ("message", "arguments", "written"),
    [
        ("two of %s and %d", (ID_NUMBER, ID_NUMBER), "two of %s and %d [arguments don't fit]"),
        ("half \ud83d %s", (ID_NUMBER,), "half \ud83d [id number]"),
        ("a newline\n", (), "a newline"),
    ],
)
def test_an_odd_message_is_written_all_the_same(message: str, arguments: tuple[str, ...], written: str) -> None:
    """Arguments that don't fit and half surrogate pairs neither lose the line nor show what is in it."""
    text = logs.JsonFormatter().format(logging.LogRecord("n", logging.INFO, "", 0, message, arguments, None))
    assert json.loads(text)["message"] == written
    assert ID_NUMBER not in text


def test_configuring_twice_doubles_nothing(log: io.StringIO) -> None:
    """Configuring again leaves one handler, uvicorn's lines come once and its access lines not at all."""
    logs.configure_logging("info")
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(log)
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("uvicorn.access").info("GET /v1/persons/7")
    logging.getLogger("httpx").info("HTTP Request: GET /v1/persons/7")
    assert [line["message"] for line in map(json.loads, log.getvalue().splitlines())] == ["started"]
    with pytest.raises(ValueError, match="LOUD"):
        logs.configure_logging("loud")


# ---------------------------------------------------------------- metrics


def test_a_settlement_is_counted_with_its_portions() -> None:
    """Each portion is added in yuan under its fund; the patient's and the hospital's have none."""
    labels = {"basic": "390100", "serious_illness": "390200", "supplement": "620101"}
    labels |= {"medical_assistance": "610100", "safety_net": "640100"}
    funds = {**labels, "hospital": "", "patient": ""}
    before = {name: value("onestop_portion_yuan_total", portion=name, fund=fund) for name, fund in funds.items()}
    counted = value("onestop_settlements_total", kind="settlement", medical_type="21", paid_by="hospital")
    metrics.observe_settlement(
        kind="settlement", medical_type="21", paid_by="hospital", portions=dict.fromkeys(funds, 12345)
    )
    for name, fund in funds.items():
        assert value("onestop_portion_yuan_total", portion=name, fund=fund) == pytest.approx(before[name] + 123.45)
    assert value("onestop_settlements_total", kind="settlement", medical_type="21", paid_by="hospital") == counted + 1


@pytest.mark.parametrize(("kind", "amount"), [("reversal", -500), ("reversal", 500), ("adjustment", -500)])
def test_what_is_taken_back_never_lowers_a_counter(kind: str, amount: int) -> None:
    """Reversed amounts, given with either sign, and negative differences are added to a counter of their own."""
    labels = {"portion": "basic", "fund": "390100"}
    paid, back = value("onestop_portion_yuan_total", **labels), value("onestop_reversed_portion_yuan_total", **labels)
    metrics.observe_settlement(kind=kind, medical_type="21", paid_by="hospital", portions={"basic": amount})
    assert value("onestop_portion_yuan_total", **labels) == paid
    assert value("onestop_reversed_portion_yuan_total", **labels) == back + 5


def test_an_unknown_portion_never_fails_a_settlement() -> None:
    """A portion without a metric is counted as other instead of raising."""
    before = value("onestop_portion_yuan_total", portion="other", fund="")
    metrics.observe_settlement(kind="settlement", medical_type="21", paid_by="hospital", portions={"new tier": 100})
    assert value("onestop_portion_yuan_total", portion="other", fund="") == before + 1


def test_a_refusal_counts_each_code_once() -> None:
    """A bill with two faults of one code counts that code once, and each other code too."""
    codes = ["code_a", "code_b", "code_a"]
    before = [value("onestop_rejections_total", code=code, route="/v1/x") for code in ("code_a", "code_b")]
    metrics.observe_rejection(codes, route="/v1/x")
    after = [value("onestop_rejections_total", code=code, route="/v1/x") for code in ("code_a", "code_b")]
    assert after == [count + 1 for count in before]


def test_series_are_there_before_they_are_needed() -> None:
    """Series with known labels are shown as 0 from the start, and the build is told."""
    text, content_type = metrics.render_metrics()
    names = {family.name for family in text_string_to_metric_families(text.decode())}
    assert content_type.startswith("text/plain")
    assert {"onestop_build_info", "onestop_engine_seconds", "onestop_lock_wait_seconds"} <= names
    for result in metrics.IDEMPOTENCY_RESULTS:
        assert REGISTRY.get_sample_value("onestop_idempotency_total", {"result": result}) is not None
    assert REGISTRY.get_sample_value("onestop_engine_seconds_bucket", {"le": "1e-05"}) is not None
    assert REGISTRY.get_sample_value("onestop_engine_seconds_bucket", {"le": "0.1"}) is not None


def test_every_name_follows_the_practice() -> None:
    """Our metrics have our prefix and base units; counters end in _total."""
    for family in text_string_to_metric_families(metrics.render_metrics()[0].decode()):
        if not family.name.startswith(("python_", "process_")):
            assert family.name.startswith("onestop_")
            assert family.type != "histogram" or family.name.endswith("_seconds")


WORKER = """
import os, sys
from app.service import logs, metrics
from app.service.requests import RequestMiddleware
portions = {"basic": int(sys.argv[1])}
metrics.observe_settlement(kind="settlement", medical_type="21", paid_by="hospital", portions=portions)
metrics.observe_idempotency("new")
metrics.engine_seconds.observe(0.0003)
metrics.http_requests_in_progress.inc(2)
print(os.getpid(), flush=True)
sys.stdin.read()
"""


def start(amount_fen: int) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(amount_fen)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def rendered() -> dict[str, float]:
    text = metrics.render_metrics()[0].decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {f"{s.name}{sorted(s.labels.values())}": s.value for s in samples}


def test_the_metrics_of_several_workers_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes' counters, histograms and gauges are summed; the dead ones' gauges go and their counters stay."""
    monkeypatch.setenv(metrics.MULTIPROCESS_VARIABLE, "replaced and put back")
    (tmp_path / "counter_1.db").write_bytes(b"of an earlier run")
    metrics.prepare_multiprocess(tmp_path)
    assert os.environ[metrics.MULTIPROCESS_VARIABLE] == str(tmp_path)
    assert not list(tmp_path.iterdir())
    workers = [start(100), start(250)]
    try:
        both = rendered()
        assert both["onestop_portion_yuan_total['390100', 'basic']"] == 3.5
        assert both["onestop_idempotency_total['new']"] == 2
        assert both["onestop_engine_seconds_count[]"] == both["onestop_engine_seconds_bucket['0.0005']"] == 2
        assert both["onestop_engine_seconds_bucket['0.0002']"] == 0
        assert both["onestop_http_requests_in_progress[]"] == 4
        assert [count for name, count in both.items() if name.startswith("onestop_build_info")] == [1]
    finally:
        for process, _ in workers:
            process.communicate()
    metrics.forget_dead_workers()
    one = rendered()
    assert one["onestop_portion_yuan_total['390100', 'basic']"] == 3.5
    assert "onestop_http_requests_in_progress[]" not in one
    assert not list(tmp_path.glob("gauge_live*"))


def test_a_worker_alone_has_nobody_to_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one process there are no files, and forgetting does nothing."""
    monkeypatch.delenv(metrics.MULTIPROCESS_VARIABLE, raising=False)
    metrics.forget_dead_workers()
