"""A person's insurance and area by date, inside the transaction that writes the person and under the person's lock.

What is corrected stays known: the former rows are superseded. Each correction answers the days that it changes.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import UNSET, structs
from sqlalchemy import RowMapping, Table, func, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Refused
from app.registry.dated import Interval, Span, changed_days, correct, current, stated, whole_span
from app.registry.facts import Period, PersonRequest, interval_faults, sent
from app.registry.tables import insured_period, person_area
from app.service.caller import Caller

Days = list[tuple[date, date | None]]


async def with_known_insurance(
    connection: AsyncConnection, stored: RowMapping | None, wanted: PersonRequest
) -> PersonRequest:
    """The request with the days of insurance that it doesn't send as they are known.

    Refused ``interval_empty`` when that leaves no day."""
    if stored is None or wanted.insured_periods is not None:
        return wanted
    known = await insured_periods(connection, stored)
    if wanted.insured_from is UNSET and wanted.insured_until is UNSET and len(known) > 1:
        periods = [Period(since, until) for since, until in known if since is not None]
        return structs.replace(wanted, insured_periods=periods)
    since, until = whole_span(known)
    since = since if wanted.insured_from is UNSET else sent(wanted.insured_from)
    until = until if wanted.insured_until is UNSET else sent(wanted.insured_until)
    faults = interval_faults(since, until, "/insured_until")
    if faults:
        raise Refused(faults)
    return structs.replace(wanted, insured_from=since, insured_until=until)


def wanted_periods(wanted: PersonRequest) -> list[Interval]:
    """The insurance of a person that is wanted: the periods, or the one beside them."""
    if wanted.insured_periods is None:
        return [(sent(wanted.insured_from), sent(wanted.insured_until))]
    return sorted(((one.from_, one.until) for one in wanted.insured_periods), key=lambda one: one[0] or date.min)


async def insured_periods(connection: AsyncConnection, row: RowMapping) -> list[Interval]:
    """The periods of a person's insurance as we know them now; those of the row where there are no others."""
    periods = await current(connection, insured_period, {"person_id": row["person_id"]})
    return [(one["valid_from"], one["valid_until"]) for one in periods] or [(row["insured_from"], row["insured_until"])]


async def area_spans(connection: AsyncConnection, row: RowMapping) -> list[Span[str]]:
    """Where a person was insured, by date."""
    held = await current(connection, person_area, {"person_id": row["person_id"]})
    return [Span(one["valid_from"], one["valid_until"], one["area_code"]) for one in held] or [
        Span(None, None, row["area_code"])
    ]


async def correct_insurance(
    connection: AsyncConnection, caller: Caller, person_id: str, stored: RowMapping | None, wanted: Sequence[Interval]
) -> Days:
    """Bring the periods to those wanted. ``stored``: the person before the correction, None for a new one."""
    key = {"person_id": person_id}
    before = [] if stored is None else await insured_periods(connection, stored)
    if before == list(wanted):
        return []
    held = await current(connection, insured_period, key)
    if stored is not None and not held:
        row = {"valid_from": stored["insured_from"], "valid_until": stored["insured_until"]}
        await _keep_former(connection, caller, insured_period, stored, row)
    rows = [{"valid_from": since, "valid_until": until} for since, until in wanted]
    await correct(connection, caller, insured_period, key, rows, held)
    return changed_days(before, wanted)


def moved(spans: Sequence[Span[str]], wanted: PersonRequest) -> list[Span[str]]:
    """The areas after a person is said to be insured in one: from ``area_from`` on, what was known of later days is
    dropped; without it the last area is corrected."""
    last = spans[-1]
    if wanted.area_from is None and last.value == wanted.area_code:
        return list(spans)
    since = wanted.area_from or last.since
    earlier = [span for span in spans if (span.since or date.min) < (since or date.min)]
    return stated(earlier, since, wanted.area_code) if earlier else [Span(None, None, wanted.area_code)]


async def correct_area(
    connection: AsyncConnection, caller: Caller, stored: RowMapping, wanted: PersonRequest
) -> tuple[Days, date | None]:
    """Bring the areas of a known person to what is said; also answers since when the last one holds."""
    before = await area_spans(connection, stored)
    after = moved(before, wanted)
    if after == before:
        return [], after[-1].since
    key = {"person_id": stored["person_id"]}
    held = await current(connection, person_area, key)
    if not held:
        await _keep_former(connection, caller, person_area, stored, {"area_code": stored["area_code"]})
    rows = [{"area_code": span.value, "valid_from": span.since, "valid_until": span.until} for span in after]
    await correct(connection, caller, person_area, key, rows, held)
    days: Days = []
    for code in {span.value for span in (*before, *after)}:
        former, later = ([(one.since, one.until) for one in spans if one.value == code] for spans in (before, after))
        days += changed_days(former, later)
    return days, after[-1].since


async def _keep_former(
    connection: AsyncConnection, caller: Caller, table: Table, stored: RowMapping, values: Mapping[str, object]
) -> None:
    """What only the person's row said so far, as a row that is superseded now."""
    written = {name: stored[name] for name in ("person_id", "subject", "request_id", "recorded_at")}
    ended = {"superseded_at": func.clock_timestamp(), "superseded_by": caller.principal.subject}
    await connection.execute(insert(table).values({**values, **written, **ended}))
