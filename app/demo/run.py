"""The demo over real HTTP: load the world, settle the bill, explain it. Run again on the same data it replays."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from app.demo.bill import demo_bill
from app.demo.follow import SETTLED_BEFORE
from app.demo.show import show_settlement
from app.demo.world import CATALOGUE, COUNTY, HOSPITALS, PATIENT, PERSONS

TIMEOUT_SECONDS: Final = 60
SETTLEMENT_KEY: Final = "demo-settlement-2018-0001"
OFFICER: Final = "caiwu"
TOKEN_REQUEST: Final = {"subject": "demo", "scopes": ["hospital", "finance", "auditor"]}

Answer = dict[str, Any]


class _Refused(Exception):
    """An answer that isn't 2xx, with its problem."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.status = response.status_code
        try:
            problem = response.json()
        except ValueError:
            problem = {}
        self.problem: Mapping[str, Any] = problem if isinstance(problem, dict) else {}


def run_demo(base_url: str, admin_token: str, console: Console) -> None:
    """Load the world, settle the demo's bill and print it. SystemExit(1), after saying why, when the service
    refuses."""
    try:
        with _client(base_url, admin_token) as admin:
            _load_world(admin, console)
            # A token of each run's own: the text of an earlier one is answered to nobody any more.
            token = _sent(admin, "POST", "/v1/tokens", TOKEN_REQUEST, key=secrets.token_hex(16))[0]["token"]
            password = _officer(admin)
        with _client(base_url, token) as hospital:
            answer, replayed = _settled(hospital)
    except _Refused as refused:
        _explain(refused, console)
        raise SystemExit(1) from None
    except httpx.HTTPError as error:
        console.print(
            Text(f"连不上服务 {base_url}（{type(error).__name__}）。请确认服务已启动，然后重试。", style="red")
        )
        raise SystemExit(1) from None
    if replayed:
        console.print(Text("这张账单以前结算过：同一个 Idempotency-Key 得到同一个回答，没有重复支付。"))
    show_settlement(answer, console, hospital=HOSPITALS[COUNTY]["name"], person=PERSONS[PATIENT]["name"])
    _show_slip(f"{base_url}/v1/settlements/{answer['settlement_id']}/slip", token, console)
    console.print(Text(f"\n财务页面（首次登录须改口令）：用户 {OFFICER}，口令 {password}"))
    console.print(Text(f"{base_url}/finance"), soft_wrap=True)


def _client(base_url: str, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": "zh"}
    return httpx.Client(base_url=base_url, headers=headers, timeout=TIMEOUT_SECONDS)


def _sent(
    client: httpx.Client, method: str, path: str, body: object = None, *, key: str | None = None
) -> tuple[Answer, bool]:
    """The JSON answer, and whether it is the replay of an earlier one."""
    headers = {} if key is None else {"Idempotency-Key": key}
    response = client.request(method, path, json=body, headers=headers)
    if not response.is_success:
        raise _Refused(response)
    return response.json(), response.headers.get("Idempotency-Replayed") == "true"


def _load_world(admin: httpx.Client, console: Console) -> None:
    """PUT everything; what is there already stays as it is."""
    parts = (
        ("医院", "/v1/hospitals", HOSPITALS),
        ("人员", "/v1/persons", PERSONS),
        ("目录", "/v1/catalogue", CATALOGUE),
    )
    columns = (TextColumn("载入{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress:
        for title, path, bodies in parts:
            for code, body in progress.track(bodies.items(), description=title):
                _sent(admin, "PUT", f"{path}/{code}", body)


def _officer(admin: httpx.Client) -> str:
    """The first password of the finance officer of the demo, new at every run."""
    password = secrets.token_urlsafe(12)
    wanted = {"name": OFFICER, "password": password, "scopes": ["finance", "registry", "auditor"]}
    try:
        _sent(admin, "POST", "/v1/users", wanted, key=secrets.token_hex(16))
    except _Refused as refused:
        if refused.problem.get("code") != "user_exists":
            raise
        _sent(admin, "POST", f"/v1/users/{OFFICER}/password", {"password": password}, key=secrets.token_hex(16))
    return password


def _settled(hospital: httpx.Client) -> tuple[Answer, bool]:
    """The settlement of the demo's bill, made now or before."""
    bill = demo_bill()
    try:
        return _sent(hospital, "POST", "/v1/settlements", bill, key=SETTLEMENT_KEY)
    except _Refused as refused:
        if refused.problem.get("code") not in SETTLED_BEFORE:
            raise
    path = f"/v1/settlements/by-visit/{bill['hospital_code']}/{bill['visit_id']}/{bill['settle_seq']}"
    return _sent(hospital, "GET", path)[0], True


def _explain(refused: _Refused, console: Console) -> None:
    problem = refused.problem
    reason = problem.get("detail") or problem.get("title") or "服务没有说明原因。"
    console.print(
        Text(f"服务拒绝了请求（{refused.status} {problem.get('code', '')}）：{reason}", style="red"), soft_wrap=True
    )
    for fault in problem.get("errors", ()):
        console.print(Text(f"  {fault['pointer']}  {fault['message']}（{fault['code']}）"), soft_wrap=True)
    if "request_id" in problem:
        console.print(Text(f"  请求号 {problem['request_id']}，可凭此查日志。"))


def _show_slip(address: str, token: str, console: Console) -> None:
    """The address to open, and what the browser asks for; not wrapped, so that they can be copied. Never a token in an
    address: those are kept, shown and sent on."""
    console.print(Text("\n用浏览器打开患者签字的结算单，用户名 demo，密码是下面的演示账号口令："))
    console.print(Text(address), soft_wrap=True)
    console.print(Text(token), soft_wrap=True)
