"""Fees of family-doctor contracts in statements, over real HTTP: one per person and month, once, to the last
hospital."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.clearing.office import Office, office
from tests.world import id_number

pytestmark = pytest.mark.thorough

FEE = {"ONESTOP_FAMILY_DOCTOR_FEE": "5.00"}


@pytest.fixture
async def paying(database_server: str) -> AsyncIterator[Office]:
    """An office with a fee of 5 yuan."""
    async with office(database_server, **FEE) as opened:
        yield opened
        await opened.balanced()


async def signed(
    opened: Office, contract: str, person: str, since: str, until: str | None = None, **changes: Any
) -> None:
    """A contract of a person with the township hospital unless told otherwise."""
    body = {"person_id": person, "hospital_code": opened.world.township, "from": since, "until": until} | changes
    await opened.world.put(f"/v1/family-doctor/contracts/{contract}", body)


async def person(opened: Office, name: str, area_code: str = "530127") -> str:
    """Another insured person."""
    body = {"name": "张某", "id_number": id_number(), "area_code": area_code, "insurance_type": "390", "identities": []}
    await opened.world.put(f"/v1/persons/{name}", body)
    return name


def fees(statement: dict[str, Any]) -> list[tuple[int, str]]:
    """Count and amount of a statement's fees."""
    rows = [row for row in statement["totals"] if row["clr_type"] == "9914"]
    assert all((row["fund"], row["tier"], row["fiscal_year"]) == ("390100", "family_doctor", 2018) for row in rows)
    return [(row["count"], row["amount"]) for row in rows]


async def test_a_statement_has_the_ended_months_fees_of_the_contracts_active_in_it(paying: Office) -> None:
    """Who was under contract on any day of the month is paid for; who came after it or ended before it isn't."""
    for name, since, until in (
        ("last", "2018-05-31", None),
        ("first", "2018-01-01", "2018-05-02"),
        ("ended", "2018-01-01", "2018-05-01"),
        ("later", "2018-06-01", None),
    ):
        await signed(paying, f"C-{name}", await person(paying, f"P-{name}"), since, until)
    await paying.at("2018-06-02")
    statement = await paying.declared("2018-05")
    assert (fees(statement), statement["warnings"]) == ([(2, "10.00")], [])
    items = await paying.get(f"/clearing/statements/{statement['statement_id']}/items")
    assert {(item["event"], item["business_date"], item["amount"]) for item in items["data"]} == {
        ("family_doctor", "2018-05-31", "5.00")
    }
    await paying.balanced()


async def test_a_person_who_changed_doctors_is_paid_for_once_to_the_last(paying: Office) -> None:
    """Of two contracts in a month the later one's hospital has the fee, whichever declares first."""
    mover = await person(paying, "P-mover")
    await signed(paying, "C-before", mover, "2018-01-01", "2018-05-15")
    await signed(paying, "C-after", mover, "2018-05-15", hospital_code=paying.world.county)
    await paying.at("2018-06-02")
    assert fees(await paying.declared("2018-05")) == []
    assert fees(await paying.declared("2018-05", hospital_code=paying.world.county)) == [(1, "5.00")]


async def test_a_statement_that_is_withdrawn_keeps_its_fees_for_the_next(paying: Office) -> None:
    """Declaring again finds the same fees and posts no more; the next month has its own."""
    await signed(paying, "C-1", await person(paying, "P-1"), "2018-01-01")
    await paying.at("2018-06-02")
    first = await paying.declared("2018-05")
    await paying.do("li", f"/clearing/statements/{first['statement_id']}/withdrawal", {"reason": "重报"})
    assert fees(await paying.declared("2018-05")) == [(1, "5.00")]
    await paying.at("2018-07-02")
    assert fees(await paying.declared("2018-06")) == [(1, "5.00")]


async def test_the_area_where_a_person_lives_pays_his_fee(paying: Office) -> None:
    """A neighbour area's person is in the statement to that area, declared by the hospital itself."""
    await signed(paying, "C-near", await person(paying, "P-near", "530102"), "2018-01-01")
    await signed(paying, "C-far", await person(paying, "P-far", "532601"), "2018-01-01")
    await paying.at("2018-06-02")
    body = {"hospital_code": paying.world.township, "period": "2018-05"}
    near = await paying.do("hospital", "/clearing/statements", body)
    far = await paying.do("hospital", "/clearing/statements", body | {"area_code": "532601"})
    assert (fees(near), fees(far), far["area_code"]) == ([(1, "5.00")], [(1, "5.00")], "532600")


async def test_fees_of_a_closed_month_are_dated_today_and_join_the_present_months_statement(paying: Office) -> None:
    """A closed month's figures stand still: what is declared of it late carries today's day."""
    await signed(paying, "C-1", await person(paying, "P-1"), "2018-01-01")
    await paying.at("2018-06-02")
    await paying.do("li", "/fiscal-months/2018-05/closing", {"area_code": "530100", "mode": "soft"})
    assert fees(await paying.declared("2018-05")) == []
    await paying.at("2018-07-02")
    assert fees(await paying.declared("2018-06")) == [(2, "10.00")]


async def test_without_a_fee_none_is_posted_and_the_statement_says_so(database_server: str) -> None:
    """No figure is invented: a declaration that would have had fees warns, one without contracts doesn't."""
    async with office(database_server) as opened:
        await signed(opened, "C-1", await person(opened, "P-1"), "2018-01-01")
        await opened.at("2018-06-02")
        statement = await opened.declared("2018-05")
        assert (fees(statement), statement["warnings"]) == ([], ["family_doctor_fee_not_set"])
        other = await opened.declared("2018-05", hospital_code=opened.world.county)
        assert other["warnings"] == []
