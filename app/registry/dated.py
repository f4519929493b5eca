"""Facts with their days: spans of time without a database, and rows that are corrected and never overwritten.

Intervals are ``[since, until)``, None is open. A row that isn't wanted any more is superseded, what is new is added; a
correction says in which days something changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Final, Generic, NamedTuple, TypeVar

from sqlalchemy import RowMapping, Table, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.service.caller import Caller

Interval = tuple[date | None, date | None]
Value = TypeVar("Value")
HISTORY: Final = frozenset({"subject", "request_id", "recorded_at", "superseded_at", "superseded_by"})


class Span(NamedTuple, Generic[Value]):
    """A value that holds in [since, until)."""

    since: date | None
    until: date | None
    value: Value


# ---------------------------------------------------------------- spans (pure)


def holds(since: date | None, until: date | None, day: date) -> bool:
    """Whether a day lies in an interval."""
    return (since is None or since <= day) and (until is None or day < until)


def span_on(spans: Iterable[Span[Value]], day: date) -> Span[Value] | None:
    """The span that holds on a day; None for a day without one."""
    return next((span for span in spans if holds(span.since, span.until, day)), None)


def stated(spans: Sequence[Span[Value]], since: date | None, value: Value) -> list[Span[Value]]:
    """The spans after it is said that a value holds from a day on (None: ever since), until the next known change.

    What holds before that day stays. A value that goes on is one span.
    """
    starts = {span.since or date.min: span.value for span in spans}
    starts[since or date.min] = value
    result: list[Span[Value]] = []
    for start in sorted(starts):
        if result and result[-1].value == starts[start]:
            continue
        if result:
            result[-1] = result[-1]._replace(until=start)
        result.append(Span(None if start == date.min else start, None, starts[start]))
    return result


def whole_span(intervals: Sequence[Interval]) -> Interval:
    """From the first day of any interval to the last; there is at least one."""
    since = [one for one, _ in intervals]
    until = [other for _, other in intervals]
    return (
        None if None in since else min(day for day in since if day is not None),
        None if None in until else max(day for day in until if day is not None),
    )


def changed_days(before: Iterable[Interval], after: Iterable[Interval]) -> list[tuple[date, date | None]]:
    """The days that lie in one of two sets of intervals and not in the other, as intervals, ascending."""
    former, later = list(before), list(after)
    bounds = sorted({day for since, until in former + later for day in (since or date.min, until or date.max)})
    result: list[tuple[date, date | None]] = []
    for since, until in pairwise(bounds):
        if any(holds(*one, since) for one in former) == any(holds(*one, since) for one in later):
            continue
        start = result.pop()[0] if result and result[-1][1] == since else since
        result.append((start, until))
    return [(since, None if until == date.max else until) for since, until in result]


def overlapping(intervals: Sequence[Interval]) -> list[int]:
    """The positions of intervals that begin before an earlier one, in time, has ended."""
    found = []
    reach = date.min
    for position in sorted(range(len(intervals)), key=lambda one: intervals[one][0] or date.min):
        since, until = intervals[position]
        if (since or date.min) < reach:
            found.append(position)
        reach = max(reach, until or date.max)
    return sorted(found)


# ---------------------------------------------------------------- rows


def written_by(caller: Caller) -> dict[str, str]:
    """The columns that say who wrote a row, and on which request."""
    return {"subject": caller.principal.subject, "request_id": caller.request_id}


def superseded_by(caller: Caller) -> dict[str, object]:
    """The columns that end what a row says."""
    return {"superseded_at": func.clock_timestamp(), "superseded_by": caller.principal.subject}


async def current(connection: AsyncConnection, table: Table, key: Mapping[str, object]) -> Sequence[RowMapping]:
    """The rows of a key as we know them now, by first day."""
    rows = select(table).where(
        *(table.c[name] == value for name, value in key.items()), table.c.superseded_at.is_(None)
    )
    found = (await connection.execute(rows)).mappings().all()
    return found if "valid_from" not in table.c else sorted(found, key=lambda row: row["valid_from"] or date.min)


async def correct(
    connection: AsyncConnection,
    caller: Caller,
    table: Table,
    key: Mapping[str, object],
    wanted: Sequence[Mapping[str, object]],
    held: Sequence[RowMapping] | None = None,
) -> bool:
    """Bring the rows of a key to those wanted (further columns): equal ones stay, others are superseded or added.

    Returns whether anything changed. Call it under a lock of the key, or two writers would both add.
    """
    number = next(iter(table.primary_key))
    names = [column.name for column in table.c if column.name not in HISTORY | key.keys() | {number.name}]
    held = await current(connection, table, key) if held is None else held
    lacking = [{name: row.get(name) for name in names} for row in wanted]
    ended = []
    for row in held:
        known = {name: row[name] for name in names}
        if known in lacking:
            lacking.remove(known)
        else:
            ended.append(number == row[number.name])
    if ended:
        await connection.execute(update(table).where(or_(*ended)).values(superseded_by(caller)))
    if lacking:
        await connection.execute(insert(table), [{**key, **row, **written_by(caller)} for row in lacking])
    return bool(ended or lacking)
