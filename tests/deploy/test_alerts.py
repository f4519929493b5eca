"""Figures of clearing in ``/metrics`` from one elected process, and the alerts over them."""

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.clearing.office import Office, office
from tests.conftest import ROOT, start_service

pytestmark = pytest.mark.thorough

RULES = ROOT / "deploy" / "prometheus"
OFTEN = {"ONESTOP_SEAL_SECONDS": "1", "ONESTOP_OBSERVE_SECONDS": "1", "ONESTOP_CHECK_SECONDS": "1"}
SHOWN = "onestop_elected_timestamp_seconds"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is missing")


async def scraped(url: str) -> Samples:
    """The samples of clearing and ledger, by name and labels."""
    async with httpx.AsyncClient(verify=False, base_url=url) as client:
        text = (await client.get("/metrics")).text
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


async def looked(desk: Office, wanted: Callable[[Samples], bool]) -> Samples:
    """The samples once they show something, at most half a minute later."""
    for _ in range(300):
        samples = await scraped(str(desk.client.base_url))
        if wanted(samples):
            return samples
        await asyncio.sleep(0.1)
    raise AssertionError(f"not shown: {samples}")


async def fresh(desk: Office) -> Samples:
    """The samples of a look that began after now."""
    before = (await scraped(str(desk.client.base_url))).get((SHOWN, ()), 0)
    # One look may have begun already; the one after it hasn't.
    first = await looked(desk, lambda samples: samples.get((SHOWN, ()), 0) > before + 1.5)
    return await looked(desk, lambda samples: samples[SHOWN, ()] > first[SHOWN, ()] + 1.5)


def of_fund(samples: Samples, name: str, fund: str = "390100", **more: str) -> float:
    """One fund's figure."""
    labels = {"area_code": "530100", "fund": fund} | more
    return samples[f"onestop_{name}", tuple(sorted(labels.items()))]


@asynccontextmanager
async def watched(server: str) -> AsyncIterator[Office]:
    """An office whose figures are looked at every second."""
    async with office(server, **OFTEN) as opened:
        yield opened


def firing(samples: Samples, tmp_path: Path) -> set[str]:
    """The alerts that fire when the samples stay as they are for an hour, by promtool."""
    series = [
        {
            "series": name + "{" + ", ".join(f'{key}="{value}"' for key, value in labels) + "}",
            "values": "0+60x120" if name == SHOWN else f"{value}x120",
        }
        for (name, labels), value in samples.items()
        if name.startswith("onestop_") and "_bucket" not in name
    ]
    asked = {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": "90m", "exp_samples": []}
    test = {
        "rule_files": [str(RULES / "onestop.rules.yaml")],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [asked]}],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(test, allow_unicode=True))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0 or "got:" in told, told
    return set(re.findall(r'alertname="(\w+)"', told.partition("got:")[2]))


@needs_promtool
def test_the_rules_own_tests_hold() -> None:
    """The rules can be read, and their unit tests hold: a June that pays on time is silent, a projection below the
    floor is not."""
    tests = ("onestop.rules.test.yaml", "onestop.days.test.yaml")
    for command in (["check", "rules", "onestop.rules.yaml"], ["test", "rules", *tests]):
        done = subprocess.run(
            ["promtool", *command], cwd=RULES, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_its_entry_in_the_runbook() -> None:
    """By its name, and there is no entry of an alert that isn't."""
    groups = yaml.safe_load((RULES / "onestop.rules.yaml").read_text(encoding="utf-8"))["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"]]
    runbook = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    assert sorted(alerts) == sorted(re.findall(r"^## (\w+)$", runbook, re.MULTILINE))


@needs_promtool
async def test_a_june_that_pays_on_time_is_silent_and_an_unpaid_year_is_not(
    database_server: str, tmp_path: Path
) -> None:
    """May is declared, ordered and paid by 25 June and reported: nothing fires. The rest is never paid: the floor,
    orders and reports fire after the year."""
    async with watched(database_server) as desk:
        await desk.settled("1000.00", "2018-05-10")
        await desk.at("2018-06-05")
        statement = await desk.approved("2018-05")
        for part in statement["funds"]:
            order = await desk.sent(await desk.ordered(statement, part["fund"]))
            if order["amount"] != "0.00":
                await desk.paid(order, "2018-06-05")
        await desk.do("li", "/reports/monthly/2018-05/submission", {"area_code": "530100"})
        await desk.do("wang", "/reports/monthly/2018-05/approval", {"area_code": "530100"})
        june = await desk.settled("4000.00", "2018-06-05")
        await desk.at("2018-06-28")
        samples = await fresh(desk)
        assert of_fund(samples, "disbursed_yuan", year="2018") == 902.50
        assert of_fund(samples, "payable_yuan", year="2018") == 950.00 + float(june["portions"]["basic"])
        assert of_fund(samples, "payout_floor", year="2018") == 0.85
        assert of_fund(samples, "payout_ratio", year="2018", kind="matured") == 1.0
        assert of_fund(samples, "settlement_to_money_days", payee="hospital", quantile="0.5") == 16
        assert samples["onestop_policy_days_until_gap", (("pack", "yunnan"),)] > 365
        assert samples["onestop_pool_connections", (("kind", "most"), ("pool", "ordinary"))] > 0
        assert firing(samples, tmp_path) == set()

        await desk.at("2018-07-05")
        await desk.sent(await desk.ordered(await desk.approved("2018-06")))
        await desk.at("2019-01-05")
        samples = await fresh(desk)
        assert of_fund(samples, "overdue_orders") == 1
        assert of_fund(samples, "required_yuan", year="2018") > 0
        assert of_fund(samples, "payout_ratio", year="2018", kind="legal") < 0.85
        assert firing(samples, tmp_path) == {
            "PayoutProjectedBelowFloor",
            "MaturedRateLow",
            "OrdersOverdue",
            "PayableOverdue",
            "ReportOverdue",
        }


async def test_open_differences_and_deductions_are_counted_with_their_age(database_server: str) -> None:
    """An open difference shows with its age, a deduction that isn't decided too, a hospital that is late as well."""
    async with watched(database_server) as desk:
        settled = await desk.settled("1000.00", "2018-05-10")
        await desk.at("2018-06-11")
        late = await fresh(desk)
        assert late["onestop_late_declarations", (("area_code", "530100"),)] == 1
        assert late["onestop_report_due_seconds", (("area_code", "530100"),)] == 14 * 86400
        statement = await desk.declared("2018-05")
        path = f"/clearing/statements/{statement['statement_id']}"
        body = {
            "settlement_id": settled["settlement_id"],
            "fund": "390100",
            "amount": "1.00",
            "reason_code": "K1",
            "reason": "x",
        }
        await desk.do("li", f"{path}/deductions", body)
        totals = [{"fund": "390100", "count": 2, "amount": "1.00"}]
        await desk.do("li", "/clearing/reconciliations", {"statement_id": statement["statement_id"], "totals": totals})
        await desk.at("2018-06-23")
        samples = await fresh(desk)
        assert samples["onestop_late_declarations", (("area_code", "530100"),)] == 0
        assert of_fund(samples, "breaks") == 1
        assert of_fund(samples, "oldest_break_seconds") == 12 * 86400
        assert of_fund(samples, "open_deductions") == 1


@pytest.mark.damages("edits a transfer so that the proof finds it")
async def test_the_service_seals_and_proves_by_itself(database_server: str) -> None:
    """What was settled is in a block moments later; a row changed behind the service's back is counted as a
    violation."""
    async with watched(database_server) as desk:
        await desk.settled("1000.00", "2018-05-10")
        samples = await looked(desk, lambda samples: samples.get(("onestop_sealed_block", ()), 0) > 0)
        assert samples["onestop_unsealed_rows", ()] == 0
        assert samples["onestop_invariant_violations", (("check", "payable"),)] == 0
        owner = await asyncpg.connect(desk.url)
        try:
            await owner.execute("SET session_replication_role = replica")
            await owner.execute("UPDATE transfer SET amount = amount + 1")
        finally:
            await owner.close()
        await looked(desk, lambda samples: samples["onestop_invariant_violations", (("check", "payable"),)] > 0)


async def test_workers_and_replicas_show_the_money_once(database_server: str) -> None:
    """Of two services with two workers each on one database, one shows the figures, whichever worker answers; when it
    dies the other takes over."""
    async with watched(database_server) as desk:
        await desk.settled("1000.00", "2018-05-10")
        await looked(desk, lambda samples: (SHOWN, ()) in samples)
        with tempfile.TemporaryDirectory() as folder:
            settings = OFTEN | {"ONESTOP_CLOCK": "manual:2018-05-20T10:00:00+08:00"}
            process, other = start_service(desk.url, Path(folder), workers=2, **settings)
            try:
                await asyncio.sleep(6)  # longer than a candidate waits
                for _ in range(10):
                    assert (SHOWN, ()) not in await scraped(other)
                assert (SHOWN, ()) in await scraped(str(desk.client.base_url))
                await _elections_end(desk.url)
                shown = await _exactly_one(str(desk.client.base_url), other)
                assert shown
            finally:
                process.terminate()
                assert process.wait(30) == 0


async def _elections_end(url: str) -> None:
    """End the elected process's term, as if its heartbeats had not come through, and let nobody begin one meanwhile."""
    owner = await asyncpg.connect(url)
    try:
        await owner.execute(
            "UPDATE election SET holder = gen_random_uuid(), held_until = clock_timestamp() + interval '5 seconds'"
        )
    finally:
        await owner.close()


async def _exactly_one(*urls: str) -> bool:
    """Whether, at most a minute later, exactly one of the services shows the figures and each of its answers holds them
    once."""
    for _ in range(120):
        shown = [(SHOWN, ()) in await scraped(url) for url in urls for _ in range(6)]
        of = [shown[place : place + 6] for place in range(0, len(shown), 6)]
        if sorted(map(sum, of)) == [0, 6]:
            return True
        await asyncio.sleep(0.5)
    return False
