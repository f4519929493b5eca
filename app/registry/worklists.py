"""What officers have to look after: lists not matched in time, years settled under other facts, the uninsured poor."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

import msgspec
from msgspec import Struct

from app.basics.classes import REGISTERED_POOR
from app.basics.days import shanghai_day, shown_instant
from app.basics.errors import Refused
from app.basics.ids import JOB, shown_id
from app.basics.money import yuan
from app.database.engine import HotConnection, HotRecord
from app.registry.paying_area import area_on, policy_in
from app.service import clock
from app.service.caller import Caller, Service
from app.service.http import check_context
from app.service.metrics import oldest_open_list_seconds

SUBSIDY: Final = "registry.premium_subsidy"

_ADD_CANDIDATES: Final = """
INSERT INTO readjudication_candidate (person_id, benefit_year, reason, subject, request_id)
SELECT DISTINCT s.person_id, s.benefit_year, $4, $5, $6
  FROM unnest($1::text[], $2::date[], $3::date[]) c(person_id, since, until)
  JOIN settlement s ON s.person_id = c.person_id AND s.kind = 'settlement' AND s.admitted_on >= c.since
   AND (c.until IS NULL OR s.admitted_on < c.until)
 WHERE NOT EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal')
ON CONFLICT DO NOTHING"""
_OPEN_SINCE: Final = """
SELECT min(received_at) FROM job WHERE due_on IS NOT NULL AND state IN ('queued', 'running', 'failed')"""
_LISTS: Final = """
SELECT job_id, options ->> 'kind' AS kind, state, area_code, options ->> 'received_on' AS received_on, due_on, ended_at,
       summary,
       (state IN ('queued', 'running', 'failed') AND due_on < $1) AS overdue
  FROM job
 WHERE due_on IS NOT NULL AND ($2::bigint IS NULL OR job_id < $2)
   AND ($3::boolean IS NULL OR $3 = (state IN ('queued', 'running', 'failed') AND due_on < $1))
 ORDER BY job_id DESC LIMIT $4"""
_CANDIDATES: Final = """
SELECT person_id, benefit_year, reason, since, amount FROM readjudication_candidate
 WHERE $1::text IS NULL OR (person_id, benefit_year) > ($1, $2::smallint) ORDER BY person_id, benefit_year LIMIT $3"""
_UNINSURED: Final = f"""
SELECT p.person_id, p.area_code, i.class, i.valid_from, i.exited_on, p.insured_from, p.insured_until
  FROM person p JOIN LATERAL (
       SELECT i.class, i.valid_from, i.exited_on FROM identity i
        WHERE i.person_id = p.person_id AND i.class = '{REGISTERED_POOR}' AND i.superseded_at IS NULL
          AND i.valid_from <= $1 AND (i.valid_until IS NULL OR $1 < i.valid_until)
        ORDER BY i.valid_from LIMIT 1) i ON true
 WHERE ($2::text IS NULL OR p.person_id > $2)
   AND NOT coalesce((SELECT bool_or(holds_on(q.valid_from, q.valid_until, $1)) FROM insured_period q
                      WHERE q.person_id = p.person_id AND q.superseded_at IS NULL),
                    holds_on(p.insured_from, p.insured_until, $1))
 ORDER BY p.person_id LIMIT $3"""

# Only bills with an unknown code are in the index of this condition. Before form 3 of the document a line of the
# bill was written with the names of its members.
_UNKNOWN: Final = """
SELECT l.item_code, max(l.name) AS name, count(*) AS lines, count(DISTINCT s.settlement_id) AS settlements,
       count(DISTINCT s.hospital_code) AS hospitals, sum(l.amount)::bigint AS amount,
       mode() WITHIN GROUP (ORDER BY m.item_code) AS proposed_item_code
  FROM settlement s CROSS JOIN LATERAL (
       SELECT b.item_code, b.name, (v ->> 2)::bigint AS amount, ARRAY[b.hospital_item_code, b.item_code] AS own_codes,
              (b.charged_at::timestamptz AT TIME ZONE 'Asia/Shanghai')::date AS charged_on
         FROM json_array_elements(s.document -> 'lines') v
         JOIN (SELECT coalesce(r ->> 0, r ->> 'line_no') AS line_no, coalesce(r ->> 1, r ->> 'item_code') AS item_code,
                      coalesce(r ->> 5, r ->> 'charged_at') AS charged_at, coalesce(r ->> 6, r ->> 'name') AS name,
                      coalesce(r ->> 7, r ->> 'hospital_item_code') AS hospital_item_code
                 FROM json_array_elements(s.document -> 'inputs' -> 'bill' -> 'lines') r) b ON b.line_no = v ->> 0
        WHERE v ->> 6 = 'unknown_item') l
  LEFT JOIN LATERAL (
       SELECT h.item_code FROM hospital_item h
        WHERE h.hospital_code = s.hospital_code AND h.hospital_item_code = ANY (l.own_codes) AND h.superseded_at IS NULL
          AND holds_on(h.valid_from, h.valid_until, l.charged_on)
        ORDER BY array_position(l.own_codes, h.hospital_item_code) LIMIT 1) m ON true
 WHERE s.unknown_item AND s.kind = 'settlement'
   AND ($1::date IS NULL OR s.settled_at >= $1::timestamp AT TIME ZONE 'Asia/Shanghai')
   AND ($2::date IS NULL OR s.settled_at < ($2 + 1)::timestamp AT TIME ZONE 'Asia/Shanghai')
   AND NOT EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal')
   AND NOT EXISTS (SELECT FROM catalogue_entry e WHERE e.item_code = l.item_code AND e.superseded_at IS NULL
                      AND e.area_code = ANY (catalogue_owners(s.paying_area)))
 GROUP BY l.item_code ORDER BY amount DESC, l.item_code OFFSET $3 LIMIT $4"""


class ReceivedRow(Struct, frozen=True):
    """A received list as it is read; ``summary`` is JSON."""

    job_id: int
    kind: str
    state: str
    area_code: str
    received_on: str
    due_on: date
    ended_at: datetime | None
    summary: str
    overdue: bool


class CandidateRow(Struct, frozen=True):
    """A person-year to compute again as it is read."""

    person_id: str
    benefit_year: int
    reason: str
    since: datetime
    amount: int | None


class UninsuredRow(Struct, frozen=True):
    """A registered poor person without insurance as they are read."""

    person_id: str
    area_code: str
    class_: str
    valid_from: date
    exited_on: date | None
    insured_from: date | None
    insured_until: date | None


class UnknownCodeRow(Struct, frozen=True):
    """A code of bills that is in no catalogue version as it is read; its amount is in fen."""

    item_code: str
    name: str | None
    lines: int
    settlements: int
    hospitals: int
    amount: int
    proposed_item_code: str | None


class ListAnswer(Struct):
    """A received list. It is open until every row was matched; overdue when that wasn't so on its due day's end."""

    job_id: str
    kind: str
    state: str
    area_code: str
    received_on: str
    due_on: date
    completed_at: str | None
    overdue: bool
    summary: dict[str, int]


class CandidateAnswer(Struct):
    """A person-year with settlements whose facts have changed since; readjudication takes it away. ``amount`` in yuan
    is at stake where what an earlier year's stay paid once, its deductible or a lump sum, was corrected, and this year
    relied on it."""

    person_id: str
    year: int
    reason: str
    since: str
    amount: str | None


class UninsuredAnswer(Struct):
    """A registered poor person whom no insurance covers today; ``premium_subsidy`` is null where no figure is known."""

    person_id: str
    area_code: str
    class_since: date
    exited_on: date | None
    insured_from: date | None
    insured_until: date | None
    premium_subsidy: str | None


class UnknownCodeAnswer(Struct):
    """A code of bills that is in no catalogue version: where it was seen, and what it cost as own expense. The proposed
    item is the one that the hospitals' own code maps give most often."""

    item_code: str
    name: str | None
    lines: int
    settlements: int
    hospitals: int
    amount: str
    proposed_item_code: str | None


async def add_candidates(
    connection: HotConnection, caller: Caller, intervals: Sequence[tuple[str, date, date | None]], *, reason: str
) -> None:
    """Put the years on the worklist with live settlements admitted in an interval in which a person's classes changed.

    Call it under the person's lock, so that no bill is settled between the look and the change.
    """
    if intervals:
        columns = map(list, zip(*intervals, strict=True))
        written_by = (caller.principal.subject, caller.request_id)
        await connection.execute(_ADD_CANDIDATES, *columns, reason, *written_by)


async def observe_open_lists(service: Service) -> None:
    """Set the metric: business seconds since the oldest list that isn't matched was received; 0 without one."""
    async with service.database.transaction() as connection:
        now = await clock.now(connection, manual=service.manual_clock)
    async with service.database.hot() as connection_:
        await connection_.execute("SELECT service_open(NULL)")
        since: datetime | None = await connection_.fetchval(_OPEN_SINCE)
    oldest_open_list_seconds.set(0 if since is None else max(0, (now - since).total_seconds()))


async def today(service: Service) -> date:
    """The business day."""
    async with service.database.transaction() as connection:
        return shanghai_day(await clock.now(connection, manual=service.manual_clock))


async def received(
    service: Service, caller: Caller, day: date, before: int | None, overdue: bool | None, limit: int
) -> list[ReceivedRow]:
    """Received lists, newest first."""
    return [ReceivedRow(*row) for row in await _fetch(service, caller, _LISTS, day, before, overdue, limit)]


def shown_list(row: ReceivedRow) -> ListAnswer:
    """A received list as it is answered."""
    completed = None if row.ended_at is None or row.state != "done" else shown_instant(row.ended_at)
    return ListAnswer(
        job_id=shown_id(JOB, row.job_id),
        kind=row.kind,
        state=row.state,
        area_code=row.area_code,
        received_on=row.received_on,
        due_on=row.due_on,
        completed_at=completed,
        overdue=row.overdue,
        summary=msgspec.json.decode(row.summary),
    )


async def candidates(service: Service, caller: Caller, after: tuple[str, int] | None, limit: int) -> list[CandidateRow]:
    """Person-years to compute again, by person, behind a person's year."""
    return [CandidateRow(*row) for row in await _fetch(service, caller, _CANDIDATES, *(after or (None, None)), limit)]


def shown_candidate(row: CandidateRow) -> CandidateAnswer:
    """A person-year to compute again as it is answered."""
    amount = None if row.amount is None else yuan(row.amount)
    return CandidateAnswer(row.person_id, row.benefit_year, row.reason, shown_instant(row.since), amount)


async def uninsured_poor(
    service: Service, caller: Caller, day: date, after: str | None, limit: int
) -> list[UninsuredRow]:
    """Registered poor persons whom no insurance covers on a day, by person."""
    return [UninsuredRow(*row) for row in await _fetch(service, caller, _UNINSURED, day, after, limit)]


async def subsidies(service: Service, areas: Iterable[str], day: date) -> dict[str, str | None]:
    """The yearly premium subsidy of each area in yuan; None where its pack knows none."""
    return {code: await _subsidy(service, code, day) for code in areas}


def shown_uninsured(row: UninsuredRow, subsidies: Mapping[str, str | None]) -> UninsuredAnswer:
    """An uninsured poor person as they are answered, with the subsidy of their area."""
    return UninsuredAnswer(
        person_id=row.person_id,
        area_code=row.area_code,
        class_since=row.valid_from,
        exited_on=row.exited_on,
        insured_from=row.insured_from,
        insured_until=row.insured_until,
        premium_subsidy=subsidies[row.area_code],
    )


async def unknown_codes(
    service: Service, caller: Caller, since: date | None, until: date | None, skip: int, limit: int
) -> list[UnknownCodeRow]:
    """Codes without any catalogue version in live settlements, by their money."""
    return [UnknownCodeRow(*row) for row in await _fetch(service, caller, _UNKNOWN, since, until, skip, limit)]


def shown_unknown(row: UnknownCodeRow) -> UnknownCodeAnswer:
    """An unknown code as it is answered."""
    return UnknownCodeAnswer(
        item_code=row.item_code,
        name=row.name,
        lines=row.lines,
        settlements=row.settlements,
        hospitals=row.hospitals,
        amount=yuan(row.amount),
        proposed_item_code=row.proposed_item_code,
    )


async def _subsidy(service: Service, area_code: str, day: date) -> str | None:
    """The yearly premium subsidy of an area in yuan; None where its pack knows none."""
    async with service.database.hot() as connection:
        area = await area_on(connection, area_code, day)
    try:
        policy = policy_in(service.book, day, area_code, area).with_own(area.figures)
        amount = policy.figure(SUBSIDY, {}).value if policy.has(SUBSIDY) else None
    except Refused:
        return None
    return None if amount is None else yuan(amount)


async def _fetch(service: Service, caller: Caller, statement: str, *arguments: object) -> list[HotRecord]:
    async with service.database.hot() as connection:
        await check_context(service, connection, caller)
        rows: list[HotRecord] = await connection.fetch(statement, *arguments)
        return rows
