"""What other law would have made of stored settlements. Reads only, and whoever asks sees everything.

Each bill is computed by itself: with the facts, the catalogue and the year before it that are kept with it, less what
was refunded since. What the change would do to the year of later bills isn't followed.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Refused
from app.basics.ids import SETTLEMENT, shown_id
from app.basics.names import PORTION_NAMES
from app.policies.changes import BillChange, Law, Portions, portions_of
from app.settlement.computing import outcome_of
from app.settlement.document import decode_document, decode_inputs

AT_ONCE: Final = 500
_OPEN: Final = text("SELECT service_open('0s')")
_PORTIONS: Final = tuple(PORTION_NAMES["zh"])
_NEXT: Final = text(f"""
WITH bill AS (
    SELECT s.settlement_id FROM settlement s
    WHERE s.kind = 'settlement' AND s.policy_pack = :pack AND s.settlement_id > :after
      AND NOT EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal')
    ORDER BY s.settlement_id LIMIT :most
)
SELECT bill.settlement_id AS bill, e.discharged_on, e.document::text AS document,
       {", ".join(f"e.{name}" for name in _PORTIONS)}
FROM bill JOIN settlement e ON e.settlement_id = bill.settlement_id OR e.of_settlement_id = bill.settlement_id
ORDER BY bill.settlement_id, e.entry_no""")


@dataclass(slots=True)
class Stored:
    """The settlements of a pack on the days asked for: how many there are, and those that would come out otherwise."""

    bills: int
    changed: list[BillChange]


async def stored_changes(connection: AsyncConnection, pack: str, law: Law, concerned: Callable[[date], bool]) -> Stored:
    """The settlements of ``pack``, not reversed, whose policy day is ``concerned``, computed again under ``law``."""
    await connection.execute(_OPEN)
    found = Stored(0, [])
    async for number, rows in _bills(connection, pack):
        last = rows[-1]
        if not concerned(last["discharged_on"]):
            continue
        found.bills += 1
        was: Portions = {name: sum(row[name] for row in rows) for name in _PORTIONS}
        would = _under(last["document"], law)
        if was != would:
            found.changed.append(BillChange(shown_id(SETTLEMENT, number), last["discharged_on"], was, would))
    return found


async def _bills(connection: AsyncConnection, pack: str) -> AsyncIterator[tuple[int, list[Any]]]:
    """Every settlement of a pack that stands, with its adjustments in the order of their entry."""
    after = 0
    while rows := ((await connection.execute(_NEXT, {"pack": pack, "after": after, "most": AT_ONCE})).mappings().all()):
        for number, group in groupby(rows, key=lambda row: int(row["bill"])):
            yield number, list(group)
            after = number


def _under(document: str, law: Law) -> Portions | str:
    inputs = decode_inputs(decode_document(document))
    try:
        return portions_of(outcome_of(inputs, lambda _, day: law.book.policy(law.name, day)), None)
    except Refused as refused:
        return refused.code
