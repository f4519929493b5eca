"""Batches of orders and statements: a result per row, each its own transaction, done once by their key."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from app.basics.days import next_month
from app.basics.money import fen
from tests.clearing.office import Office, office
from tests.people import browser, person
from tests.world import key

MONTHS = ("2018-02", "2018-03", "2018-04", "2018-05")


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office in June 2018 with four months to declare."""
    async with office(database_server, "2018-02-20T10:00:00+08:00", ONESTOP_PERSON_LOCK_TIMEOUT="1") as opened:
        for month in MONTHS:
            await opened.at(f"{month}-20")
            await opened.settled("1500.00", f"{month}-20")
        await opened.at("2018-06-05")
        await opened.hire("zhao", scopes=["finance"])
        await opened.hire("elsewhere", scopes=["finance"], area_code="532600")
        yield opened


async def batch(desk: Office, who: str, path: str, body: dict[str, Any], sent: dict[str, str] | None = None) -> Any:
    """The answer to a batch that somebody sends, which must be accepted."""
    headers = (sent or key()) | desk.tokens[who]
    answer = await desk.client.post(f"/v1{path}/batch", json=body, headers=headers)
    assert answer.is_success, answer.text
    return answer


def outcomes(answer: Any) -> list[tuple[str, str | None]]:
    """Outcome and reason of each row."""
    return [(row["outcome"], row["reason"]) for row in answer.json()["data"]]


async def sent_order(desk: Office) -> str:
    """A new order that was sent: what is settled today is declared in the next month."""
    period = desk.day[:7]
    await desk.settled("1500.00", desk.day)
    await desk.at(next_month(period).isoformat())
    order = await desk.ordered(await desk.approved(period))
    return str((await desk.sent(order))["disbursement_id"])


async def paid_of(desk: Office, order: str) -> int:
    """What of an order is paid, fen."""
    return fen((await desk.get(f"/disbursements/{order}"))["paid"])


def cents(desk: Office, order: str, tag: str, count: int) -> list[dict[str, str]]:
    """Rows that pay a fen each of an order today."""
    return [{"id": order, "paid_on": desk.day, "bank_reference": f"{tag}{i}", "amount": "0.01"} for i in range(count)]


async def test_a_months_work_by_five_batches(desk: Office) -> None:
    """Months are declared and approved, orders approved, sent and recorded as paid, with a result per row and no fen
    amiss; what can't be done says why, and the rest is done."""
    rows = [{"hospital_code": desk.world.township, "period": month} for month in (*MONTHS, "2018-06")]
    first = await batch(desk, "li", "/clearing/statements", {"action": "declaration", "rows": rows})
    assert outcomes(first) == [("done", None)] * 4 + [("refused", "period_not_ended")]
    assert first.json()["summary"] == {"done": 4, "refused": 1}
    ids = [row["reference"] for row in first.json()["data"][:4]]
    own = await batch(desk, "li", "/clearing/statements", {"action": "approval", "ids": ids})
    assert outcomes(own) == [("refused", "maker_is_checker")] * 4
    approved = await batch(desk, "wang", "/clearing/statements", {"action": "approval", "ids": [*ids, "stm_999999"]})
    assert outcomes(approved) == [("done", None)] * 4 + [("refused", "not_found")]
    orders = [await desk.ordered({"statement_id": one}) for one in ids]
    names = [one["disbursement_id"] for one in orders]
    stranger = await batch(desk, "elsewhere", "/disbursements", {"action": "approval", "ids": names})
    assert outcomes(stranger) == [("refused", "not_found")] * 4
    by_filter = {"action": "approval", "filter": {"state": "draft", "fund": "390100"}}
    assert outcomes(await batch(desk, "wang", "/disbursements", by_filter)) == [("done", None)] * 4
    sent = await batch(desk, "li", "/disbursements", {"action": "sending", "ids": names})
    assert outcomes(sent) == [("done", None)] * 4
    paid = [{"id": one, "paid_on": "2018-06-05", "bank_reference": f"B{i}"} for i, one in enumerate(names)]
    paid[1] |= {"amount": "1.00"}
    paid[3] |= {"bank_reference": "B0"}
    answer = await batch(desk, "li", "/disbursements", {"action": "payments", "rows": paid})
    assert outcomes(answer) == [("done", None)] * 3 + [("refused", "bank_reference_used")]
    states = [await desk.get(f"/disbursements/{one}") for one in names]
    assert [one["state"] for one in states] == ["paid", "part_paid", "paid", "sent"]
    assert [fen(one["paid"]) for one in states] == [fen(orders[0]["amount"]), 100, fen(orders[2]["amount"]), 0]
    await desk.balanced()


async def test_the_same_key_moves_nothing_again(desk: Office) -> None:
    """A repeated batch answers the same, also of refused rows; two at once do each row once; another body under the
    key is refused."""
    order, sent = await sent_order(desk), key()
    rows = cents(desk, order, "R", 5)
    rows[4] |= {"amount": "99999999.00"}
    body = {"action": "payments", "rows": rows}
    both = await asyncio.gather(*(batch(desk, "li", "/disbursements", body, sent) for _ in range(2)))
    again = await batch(desk, "li", "/disbursements", body, sent)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == both[0].content == both[1].content
    assert outcomes(again) == [("done", None)] * 4 + [("refused", "payment_exceeds_order")]
    assert await paid_of(desk, order) == 4
    other = await desk.client.post(
        "/v1/disbursements/batch", json=body | {"rows": rows[:1]}, headers=sent | desk.tokens["li"]
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.thorough
async def test_a_batch_that_broke_off_goes_on(desk: Office) -> None:
    """A batch that stopped between two rows is 503; its repetition finds what was moved and does the rest."""
    first, second, sent = await sent_order(desk), await sent_order(desk), key()
    body = {"action": "payments", "rows": [*cents(desk, first, "K", 2), *cents(desk, second, "L", 1)]}
    connection = await asyncpg.connect(desk.url)
    try:
        async with connection.transaction():
            held = "SELECT 1 FROM disbursement WHERE disbursement_id = $1 FOR UPDATE"
            await connection.execute(held, int(second.removeprefix("dis_")))
            broken = await desk.client.post("/v1/disbursements/batch", json=body, headers=sent | desk.tokens["li"])
            assert (broken.status_code, await paid_of(desk, first)) == (503, 2)
    finally:
        await connection.close()
    assert outcomes(await batch(desk, "li", "/disbursements", body, sent)) == [("done", None)] * 3
    assert [await paid_of(desk, one) for one in (first, second)] == [2, 1]


@pytest.mark.thorough
async def test_a_long_batch_is_a_job_of_its_asker(desk: Office) -> None:
    """More than fifty rows are a job with the same results, which nobody else sees; each row is done once, though the
    job's process is killed."""
    order, sent = await sent_order(desk), key()
    body = {"action": "payments", "rows": [*cents(desk, order, "J", 59), *cents(desk, "dis_999999", "N", 1)]}
    queued = await batch(desk, "li", "/disbursements", body, sent)
    assert queued.status_code == 202
    job = queued.json()["job_id"]
    await _until(desk, job, lambda found: found["done"] >= 5)
    for process in _children(f"app.serving.job {job.removeprefix('job_')} "):
        os.kill(process, signal.SIGKILL)
    found = await _until(desk, job, lambda found: found["state"] == "done")
    assert found["summary"] == {"done": 59, "refused": 1}
    assert [row["reason"] for row in found["rows"]] == [None] * 59 + ["not_found"]
    assert await paid_of(desk, order) == 59
    assert (await batch(desk, "li", "/disbursements", body, sent)).json() == queued.json()
    for who in ("wang", "zhao"):
        answer = await desk.client.get(f"/v1/jobs/{job}", headers=desk.tokens[who])
        assert answer.status_code == 404
    await desk.balanced()


async def _until(desk: Office, job: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The job once it is so far."""
    for _ in range(600):
        found = await desk.get(f"/jobs/{job}", "li", limit=100)
        if reached(found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


@pytest.mark.thorough
async def test_what_is_ticked_is_confirmed_once(desk: Office) -> None:
    """A page shows what would be done, with its sum and what can't be done and why; its form acts once, and every row
    has its result. What the filters find is done too."""
    first, second = await sent_order(desk), await sent_order(desk)
    async with browser(str(desk.client.base_url)) as officer:
        await person(desk.client, officer)
        page = (await officer.get("/finance/orders")).text
        assert f'form="batch" name="id" value="{first}"' in page
        assert "批量登记付款" in page
        address = f"/finance/orders/batch/pay?id={first}&id={second}&id=dis_999999"
        page = (await officer.get(address)).text
        assert "将办理 2 条" in page
        form = {name: hidden(page, name) for name in ("csrf", "key", "ids")}
        assert form["ids"].split() == [first, second]
        wrong = await officer.post(address, data=form | {"paid_on": "soon", f"reference_{first}": "P1"})
        assert wrong.status_code == 422
        assert "P1" in wrong.text
        typed = {"paid_on": desk.day.replace("-", "/"), f"reference_{first}": "P1", f"amount_{first}": "0.01"}
        typed |= {f"reference_{second}": "P1", f"amount_{second}": "0.01"}
        done = [await officer.post(address, data=form | typed) for _ in range(2)]
        assert done[0].text.count("已办理</td>") == 1
        assert done[0].text.count("未办理</td>") == 1
        assert ["已办理 1 条，未办理 1 条" in one.text for one in done] == [True, True]
        assert [await paid_of(desk, one) for one in (first, second)] == [1, 0]
        page = (await officer.get("/finance/orders/batch/approve?all=1")).text
        assert "将办理 0 条" in page
        assert "当前状态不允许这一步" in page


@pytest.mark.thorough
async def test_a_month_is_declared_for_every_hospital_that_has_not(desk: Office) -> None:
    """The page names the hospitals that have something to declare, and declares it on confirmation."""
    period = desk.day[:7]
    await desk.settled("1500.00", desk.day)
    await desk.at(next_month(period).isoformat())
    async with browser(str(desk.client.base_url)) as officer:
        await person(desk.client, officer)
        address = f"/finance/statements/batch/declare?period={period}"
        page = (await officer.get(address)).text
        assert hidden(page, "ids") == f"{desk.world.township}:530100:{period}"
        form = {name: hidden(page, name) for name in ("csrf", "key", "ids")}
        assert "已办理 1 条" in (await officer.post(address, data=form)).text
        assert "没有可以办理的行" in (await officer.get(address)).text
        own = (await officer.get("/finance/statements/batch/approve?all=1&state=declared")).text
        assert "须由另一位经办人批准" in own
    found = await desk.get("/clearing/statements", period=period)
    assert [one["state"] for one in found["data"]] == ["declared"]


def hidden(page: str, name: str) -> str:
    """The value of a hidden field of the page's last form."""
    return re.findall(rf'name="{name}" value="([^"]*)"', page)[-1]


def _children(command: str) -> list[int]:
    """The processes whose command line holds this."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode()
        except (OSError, ValueError):
            continue
        if name.isdigit() and command in line:
            found.append(int(name))
    return found


@pytest.mark.parametrize(
    ("path", "body", "fault"),
    [
        ("/disbursements", {"action": "approval"}, ("/ids", "missing")),
        ("/disbursements", {"action": "approval", "ids": []}, None),
        ("/disbursements", {"action": "approval", "ids": ["dis_1"] * 501}, None),
        ("/disbursements", {"action": "payments", "ids": ["dis_1"]}, ("/ids", "not_of_this_action")),
        ("/disbursements", {"action": "sending", "ids": ["dis_1"], "filter": {}}, ("/filter", "not_of_this_action")),
        ("/clearing/statements", {"action": "declaration", "ids": ["stm_1"]}, ("/ids", "not_of_this_action")),
        ("/clearing/statements", {"action": "cancellation", "ids": ["stm_1"]}, None),
    ],
)
async def test_what_is_no_batch_is_refused_whole(
    desk: Office, path: str, body: dict[str, Any], fault: tuple[str, str] | None
) -> None:
    """A batch without rows, with too many, or with what belongs to another action is 422, and nothing is kept."""
    answer = await desk.send("li", f"{path}/batch", body)
    assert answer.status_code == 422, answer.text
    if fault is not None:
        assert fault in [(one["pointer"], one["code"]) for one in answer.json()["errors"]]
