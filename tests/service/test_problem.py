"""Every error as a problem in the reader's language, nothing of the input in it, and a message for every code."""

import ast
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query, Request
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from app.basics import errors
from app.basics.errors import Conflict, Fault, Malformed, NotFound, OnestopError, Refused, Unavailable
from app.service import messages, problem
from app.service.messages import MESSAGES, language_of, text, title

LIMIT = 100
SECRET = "530102199001011234"
APP = Path(problem.__file__).parent.parent
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)} - {"PolicyError"}


class TooManyRequests(OnestopError):
    status = 429


RAISED: dict[str, Exception] = {
    "refused": Refused(
        [Fault("/lines/0/amount", "line_amount_mismatch"), Fault("/kind", "not_in_list", {"allowed": "a"})]
    ),
    "conflict": Conflict(
        "already_settled", headers={"Location": "/v1/settlements/set_1"}, extra={"others": 2, "code": "x"}
    ),
    "in_progress": Conflict("idempotency_in_progress"),
    "busy": Unavailable("busy", headers={"Retry-After": "7"}),
    "unavailable": Unavailable("database_unavailable"),
    "often": TooManyRequests("too_many_requests"),
    "missing": NotFound("not_found"),
    "http": HTTPException(503, SECRET),
    "teapot": HTTPException(418, SECRET),
    "odd": HTTPException(507, SECRET),
    "unchanged": HTTPException(304),
    "gone": ClientDisconnect(),
    "defect": RuntimeError(SECRET),
}


def make_app() -> FastAPI:
    app = FastAPI()
    problem.install(app)

    @app.get("/raise/{which}")
    async def raise_(which: str) -> None:
        raise RAISED[which]

    @app.get("/years/{year}")
    async def years(year: int, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> int:
        return year + limit

    @app.post("/body")
    async def body(request: Request) -> Response:
        return Response(await problem.read_body(request, LIMIT))

    @app.post("/typed")
    async def typed(content: dict[str, int]) -> int:
        return len(content)

    return app


class WithRequestId:
    """As the middleware of requests does it, outside of everything."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["request_id"] = "req_12345678"
        await self.app(scope, receive, send)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(WithRequestId(make_app()), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


def checked(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem, after what holds for every one of them."""
    content: dict[str, Any] = answer.json()
    assert (answer.status_code, content["status"], content["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert content["type"] == f"urn:onestop:problem:{code}"
    assert content["request_id"] == "req_12345678"
    Draft202012Validator(problem.PROBLEM_SCHEMA).validate(content)
    assert SECRET not in answer.text
    return content


# ---------------------------------------------------------------- problems


async def test_a_refusal_lists_every_fault_in_chinese(client: httpx.AsyncClient) -> None:
    """All faults come with pointer, code and message; without a wish the language is Chinese."""
    answer = await client.get("/raise/refused")
    content = checked(answer, 422, "line_amount_mismatch")
    assert answer.headers["content-language"] == "zh"
    assert content["errors"] == [
        {
            "pointer": "/lines/0/amount",
            "code": "line_amount_mismatch",
            "message": "金额与数量×单价不符（相差超过1分）。请核对该行的数量、单价和金额。",
        },
        {
            "pointer": "/kind",
            "code": "not_in_list",
            "message": "取值不在允许的范围内。可用的值：a。请改用其中之一。",
        },
    ]
    assert content["title"] == "金额与数量×单价不符（相差超过1分）"
    assert content["detail"].endswith("（共 2 处，见 errors。）")
    assert content["retryable"] is False


async def test_the_language_is_the_readers(client: httpx.AsyncClient) -> None:
    """``Accept-Language`` chooses the language of title, detail and messages."""
    answer = await client.get("/raise/refused", headers={"Accept-Language": "en-GB, zh;q=0.5"})
    content = checked(answer, 422, "line_amount_mismatch")
    assert answer.headers["content-language"] == "en"
    assert content["title"] == "The amount differs from quantity × unit price by more than 0.01"
    assert content["errors"][1]["message"].endswith("Use one of: a.")


async def test_headers_and_further_members_of_an_error_are_kept(client: httpx.AsyncClient) -> None:
    """A conflict bears its Location and its own members, which can't replace those of a problem."""
    answer = await client.get("/raise/conflict")
    content = checked(answer, 409, "already_settled")
    assert answer.headers["location"] == "/v1/settlements/set_1"
    assert (content["others"], content["errors"]) == (2, [])


@pytest.mark.parametrize(
    ("which", "status", "code", "wait"),
    [
        ("in_progress", 409, "idempotency_in_progress", "1"),
        ("busy", 503, "busy", "7"),
        ("unavailable", 503, "database_unavailable", "2"),
        ("often", 429, "too_many_requests", "1"),
        ("http", 503, "unavailable", "2"),
    ],
)
async def test_what_may_be_repeated_says_when(
    client: httpx.AsyncClient, which: str, status: int, code: str, wait: str
) -> None:
    """What may succeed later is marked so and bears one Retry-After, the error's own if it has one."""
    answer = await client.get(f"/raise/{which}")
    assert checked(answer, status, code)["retryable"] is True
    assert answer.headers.get_list("retry-after") == [wait]


async def test_what_cannot_be_repeated_says_no_time(client: httpx.AsyncClient) -> None:
    """A refusal for good has no Retry-After."""
    answer = await client.get("/raise/missing")
    assert checked(answer, 404, "not_found")["retryable"] is False
    assert "retry-after" not in answer.headers


async def test_routing_errors_are_problems(client: httpx.AsyncClient) -> None:
    """No such path is not_found; a wrong method is method_not_allowed and names the right ones."""
    checked(await client.get("/nowhere"), 404, "not_found")
    answer = await client.delete("/years/2018")
    checked(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


async def test_the_frameworks_own_text_is_never_shown(client: httpx.AsyncClient) -> None:
    """An HTTPException answers with a code and message of ours; one that isn't an error has no body."""
    checked(await client.get("/raise/teapot"), 418, "request_refused")
    checked(await client.get("/raise/odd"), 507, "internal_error")
    unchanged = await client.get("/raise/unchanged")
    assert (unchanged.status_code, unchanged.content) == (304, b"")


async def test_refused_parameters_have_pointers_and_echo_nothing(client: httpx.AsyncClient) -> None:
    """Each refused path or query parameter is named, its value isn't."""
    answer = await client.get(f"/years/x{SECRET}", params={"limit": SECRET})
    content = checked(answer, 422, "invalid_parameter")
    assert [one["pointer"] for one in content["errors"]] == ["/path/year", "/query/limit"]
    assert content["errors"][1]["message"] == "地址或请求头中的参数无效。请按接口文档核对 limit。"


async def test_refused_typed_bodies_echo_no_member_name(client: httpx.AsyncClient) -> None:
    """A member name that may hold personal data ends the pointer before it."""
    answer = await client.post("/typed", json={"a": "x", SECRET: "y"})
    content = checked(answer, 422, "invalid_parameter")
    assert [one["pointer"] for one in content["errors"]] == ["/a", ""]


async def test_a_defect_is_logged_and_tells_nothing(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception is logged with its traceback under the request id; the answer holds none of its text."""
    with caplog.at_level(logging.ERROR, logger="onestop"):
        content = checked(await client.get("/raise/defect"), 500, "internal_error")
    assert content["errors"] == []
    [record] = [record for record in caplog.records if record.name == "onestop"]
    assert "req_12345678" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)


async def test_a_client_that_left_is_no_defect(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged when the client went away while its body was read."""
    assert (await client.get("/raise/gone")).status_code == problem.CLIENT_CLOSED
    assert not [record for record in caplog.records if record.name == "onestop"]


async def test_without_a_request_id_the_problem_says_so() -> None:
    """A missing middleware doesn't make an error worse."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app()), base_url="http://test") as bare:
        assert (await bare.get("/raise/missing")).json()["request_id"] == "unknown"


def test_the_problem_schema_is_valid() -> None:
    """The component schema is JSON Schema as OpenAPI 3.1 uses it."""
    Draft202012Validator.check_schema(problem.PROBLEM_SCHEMA)


# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"', "application/json;"],
)
async def test_a_json_body_is_read(client: httpx.AsyncClient, content_type: str) -> None:
    """Plain UTF-8 JSON up to the limit is read as it is, in however many pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(LIMIT // 10):
            yield b"x" * 10

    headers = {"Content-Type": content_type}
    assert (await client.post("/body", content=b"x" * LIMIT, headers=headers)).content == b"x" * LIMIT
    assert (await client.post("/body", content=pieces(), headers=headers)).content == b"x" * LIMIT
    assert (await client.post("/body", content=b"", headers=headers)).content == b""


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/json"},
        {"Content-Type": "application/json; charset=gbk"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_another_type_of_body_is_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """A body that isn't plain UTF-8 JSON by its headers is 415, whatever it holds."""
    checked(await client.post("/body", content=b"{}", headers=headers), 415, "unsupported_media_type")


async def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    """``Content-Length`` over the limit, however long, is 413 before anything is read."""

    async def receive() -> Any:
        raise AssertionError("read")

    for length in (b"101", b"9" * 5000):
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        with pytest.raises(errors.TooLarge) as caught:
            await problem.read_body(request, LIMIT)
        assert caught.value.values == {"limit": "100"}


async def test_an_undeclared_body_is_read_no_further_than_the_limit(client: httpx.AsyncClient) -> None:
    """Without ``Content-Length`` reading stops at the piece that exceeds the limit."""
    sent = 0

    async def receive() -> Any:
        nonlocal sent
        sent += 1
        return {"type": "http.request", "body": b"x" * 60, "more_body": True}

    request = Request({"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}, receive)
    with pytest.raises(errors.TooLarge):
        await problem.read_body(request, LIMIT)
    assert sent == 2
    answer = await client.post("/body", content=b"x" * 101, headers={"Content-Type": "application/json"})
    assert "最多 100 字节" in checked(answer, 413, "body_too_large")["detail"]


# ---------------------------------------------------------------- languages


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "zh"),
        ("", "zh"),
        ("fr", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en", "en"),
        ("EN-us;q=0.7", "en"),
        ("zh;q=0.3, en;q=0.4", "en"),
        ("en, zh", "en"),
        ("zh, en", "zh"),
        ("fr, en;q=0.1", "en"),
        ("en;q=0", "zh"),
        ("zh;q=0, *", "en"),
        ("*", "zh"),
        ("en;q=2", "zh"),
        ("en;q=x, ,;;", "zh"),
        ("zh-Hant-TW, en;q=0.9", "zh"),
    ],
)
def test_the_language_follows_the_qualities(header: str | None, language: str) -> None:
    """The better liked of the two languages, Chinese when neither is."""
    assert language_of(header) == language


@given(st.text(max_size=200))
def test_any_language_header_is_read(header: str) -> None:
    """No header is so odd that it has no language."""
    assert language_of(header) in messages.LANGUAGES


# ---------------------------------------------------------------- messages


def placeholders(template: str) -> set[str]:
    return set(re.findall(r"(?<!{){(\w+)}(?!})", template))


def raised() -> Iterator[tuple[str, str, set[str] | None]]:
    """Where, code and names of values of every error and fault in ``app/`` whose code is written there.

    The names are None where the values aren't a literal.
    """
    for path in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name == "Refused" or name not in ERRORS:
                continue
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            position = 1 if name == "Fault" else 0
            code = keywords.get("code", node.args[position] if len(node.args) > position else None)
            values = keywords.get("values", node.args[2] if name == "Fault" and len(node.args) > 2 else None)
            for option in (code.body, code.orelse) if isinstance(code, ast.IfExp) else (code,):
                if isinstance(option, ast.Constant) and isinstance(option.value, str):
                    yield f"{path.relative_to(APP.parent)}:{node.lineno}", option.value, names_of(values)


def names_of(values: ast.expr | None) -> set[str] | None:
    if values is None:
        return set()
    if isinstance(values, ast.Dict) and all(isinstance(key, ast.Constant) for key in values.keys):
        return {str(key.value) for key in values.keys if isinstance(key, ast.Constant)}
    return None


def test_every_raised_code_has_a_message() -> None:
    """Each code that the service can raise is in both languages."""
    found = list(raised())
    assert len(found) > 20
    assert [(where, code) for where, code, _ in found if code not in MESSAGES] == []


def test_every_figure_of_a_message_is_given_where_it_is_raised() -> None:
    """No message waits for a figure that the error doesn't bring."""
    lacking = [
        (where, code, placeholders(template) - names)
        for where, code, names in raised()
        for template in MESSAGES.get(code, ())
        if names is not None and not placeholders(template) <= names
    ]
    assert lacking == []


COMPUTED = {
    "wrong_type": "expected",
    "not_in_list": "allowed",
    "number_out_of_range": "range",
    "text_too_long": "limit",
    "text_too_short": "limit",
    "too_many_items": "limit",
    "too_few_items": "limit",
    "too_many_lines": "limit",
}


def test_messages_hold_the_same_figures_in_both_languages() -> None:
    """Neither language tells more than the other, and the faults of form use the figure that the walk gives them."""
    for code, (chinese, english) in MESSAGES.items():
        assert placeholders(chinese) == placeholders(english), code
    for code, name in COMPUTED.items():
        assert placeholders(MESSAGES[code][0]) == {name}, code


@pytest.mark.parametrize("code", sorted(MESSAGES))
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_every_message_says_what_is_wrong_and_what_to_do(code: str, language: str) -> None:
    """Two sentences at least; the first, the title, is the same each time; with its figures no brace is left but
    JSON's."""
    names = placeholders(MESSAGES[code][0])
    filled = text(code, dict.fromkeys(names, "§"), language)
    assert "…" not in filled
    assert not re.search(r"{\w", filled)
    assert filled.count("§") >= len(names)
    assert filled.startswith(title(code, language))
    assert "§" not in title(code, language)
    assert 4 <= len(title(code, language)) < 90
    assert len(filled) > len(title(code, language)) + 4
    assert filled.endswith("." if language == "en" else "。")
    assert bool(re.search("[\u4e00-\u9fff]", filled)) == (language == "zh")


def test_a_lacking_figure_or_message_does_not_fail() -> None:
    """An error still answers when a figure, or the whole message, is missing."""
    assert "…" in text("text_too_long", {}, "zh")
    assert "some_new_code" in text("some_new_code", {}, "en")
    answer = problem.problem_response(Malformed("some_new_code"), request_id="r", language="en")
    assert answer.status_code == 400
