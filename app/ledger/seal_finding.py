"""What verifying the seals found, kept until it is mended, or until two people have said why it may stay.

A finding is a kind, a place and what stands there now. When the same row is changed once more, or again after it was
mended, that is another finding, which nobody has acknowledged. What people said is never changed, and is sealed."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from msgspec import Struct
from sqlalchemy import RowMapping, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, NotFound
from app.basics.ids import SEAL_ACKNOWLEDGEMENT, SEAL_FINDING, number_of, shown_id
from app.ledger.tables import seal_acknowledgement, seal_finding
from app.service.caller import Caller
from app.service.second_person import by_another
from app.service.wire import LongReason

State = Literal["open", "asked", "acknowledged", "mended"]

_FOUND: Final = """
found AS (
  SELECT * FROM unnest(CAST(:block_nos AS bigint[]), CAST(:sources AS text[]), CAST(:row_ids AS bigint[]),
    CAST(:evidence AS bytea[])) f(block_no, source, row_id, evidence))"""
_ADD: Final = text(f"""
WITH {_FOUND}
INSERT INTO seal_finding (kind, block_no, source, row_id, evidence) SELECT :kind, f.* FROM found f
ON CONFLICT DO NOTHING""")
_STANDS: Final = """
s.kind = :kind AND s.mended_at IS NULL
AND (CAST(:blocks AS bigint[]) IS NULL OR s.block_no = ANY (CAST(:blocks AS bigint[])))"""
_MEND: Final = text(f"""
WITH {_FOUND}
UPDATE seal_finding s SET mended_at = clock_timestamp()
 WHERE {_STANDS} AND NOT EXISTS (
   SELECT FROM found f WHERE (f.block_no, f.source, f.row_id, f.evidence)
     IS NOT DISTINCT FROM (s.block_no, s.source, s.row_id, s.evidence))""")
_CONFIRMED: Final = """
EXISTS (SELECT FROM seal_acknowledgement a WHERE a.finding_id = s.finding_id AND a.confirms IS NOT NULL)"""
_STANDING: Final = text(f"""
SELECT s.finding_id, s.block_no, s.source, s.row_id, {_CONFIRMED} AS acknowledged FROM seal_finding s
 WHERE {_STANDS} ORDER BY s.block_no, s.source, s.row_id""")
_COUNTS: Final = text(f"""
SELECT s.kind, count(*) FILTER (WHERE NOT {_CONFIRMED}) AS open, count(*) FILTER (WHERE {_CONFIRMED}) AS acknowledged
  FROM seal_finding s WHERE s.mended_at IS NULL GROUP BY s.kind""")


class Unlike(NamedTuple):
    """What isn't as it was sealed: the place (block, table, row) and what stands there now."""

    place: tuple[int | None, str | None, int | None]
    evidence: bytes


class StandingFinding(NamedTuple):
    """A finding that isn't mended: its number, its place, and whether two people acknowledged it."""

    finding_id: int
    place: tuple[int | None, str | None, int | None]
    acknowledged: bool


class AcknowledgementRequest(Struct, forbid_unknown_fields=True):
    """Why what was found may stay as it is."""

    reason: LongReason


class AcknowledgementAnswer(Struct):
    """What was said of a finding, and of whom: ``confirms`` is null until a second person has confirmed it."""

    acknowledgement_id: str
    seal_finding_id: str
    state: State
    reason: str
    subject: str
    confirmed_by: str | None


async def keep(
    connection: AsyncConnection, kind: str, found: Sequence[Unlike], *, blocks: list[int] | None, all_of_it: bool
) -> list[StandingFinding]:
    """Keep what was found of a kind in these blocks (None: in all); unless it is only the beginning, what was found
    before and isn't now is mended. Answers what stands."""
    given = {
        "kind": kind,
        "blocks": blocks,
        "block_nos": [one.place[0] for one in found],
        "sources": [one.place[1] for one in found],
        "row_ids": [one.place[2] for one in found],
        "evidence": [one.evidence for one in found],
    }
    if found:
        await connection.execute(_ADD, given)
    if all_of_it:
        await connection.execute(_MEND, given)
    rows = (await connection.execute(_STANDING, {"kind": kind, "blocks": blocks})).all()
    return [StandingFinding(row[0], (row[1], row[2], row[3]), row[4]) for row in rows]


async def standing(connection: AsyncConnection) -> Mapping[str, tuple[int, int]]:
    """By kind, how many findings stand that nobody acknowledged, and how many that two people did."""
    return {row[0]: (row[1], row[2]) for row in await connection.execute(_COUNTS)}


async def acknowledge(
    connection: AsyncConnection, caller: Caller, shown: str, wanted: AcknowledgementRequest
) -> AcknowledgementAnswer:
    """Say why a finding may stay; it counts when another person confirms it. Conflict ``seal_finding_ended`` when it
    was mended or acknowledged before."""
    number = await _open_finding(connection, number_of(SEAL_FINDING, shown))
    said = {"finding_id": number, "reason": wanted.reason} | _signed(caller)
    made = await connection.execute(insert(seal_acknowledgement).values(said).returning(*seal_acknowledgement.c))
    return _acknowledgement(made.mappings().one(), None)


async def confirm(connection: AsyncConnection, caller: Caller, shown: str) -> AcknowledgementAnswer:
    """Confirm what another person said of a finding, which is silent from then on. Forbidden ``maker_is_checker``;
    Conflict ``seal_finding_ended``."""
    columns = seal_acknowledgement.c
    wanted = columns.acknowledgement_id == number_of(SEAL_ACKNOWLEDGEMENT, shown)
    first = select(seal_acknowledgement).where(wanted, columns.confirms.is_(None))
    row = (await connection.execute(first)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    await by_another(connection, caller, row["subject"])
    await _open_finding(connection, row["finding_id"])
    said = {
        "finding_id": row["finding_id"],
        "reason": row["reason"],
        "confirms": row["acknowledgement_id"],
        "maker": row["subject"],
    }
    await connection.execute(insert(seal_acknowledgement).values(said | _signed(caller)))
    return _acknowledgement(row, caller.principal.subject)


async def _open_finding(connection: AsyncConnection, number: int) -> int:
    """The number of a finding that stands and isn't acknowledged. Nobody else can end it until the transaction does."""
    held = select(seal_finding).where(seal_finding.c.finding_id == number).with_for_update()
    row = (await connection.execute(held)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    columns = seal_acknowledgement.c
    said = select(func.count()).where(columns.finding_id == number, columns.confirms.is_not(None))
    if row["mended_at"] is not None or (await connection.execute(said)).scalar_one():
        raise Conflict("seal_finding_ended")
    return number


def _signed(caller: Caller) -> dict[str, str]:
    return {"subject": caller.principal.subject, "request_id": caller.request_id}


def _acknowledgement(row: RowMapping, confirmed_by: str | None) -> AcknowledgementAnswer:
    return AcknowledgementAnswer(
        acknowledgement_id=shown_id(SEAL_ACKNOWLEDGEMENT, row["acknowledgement_id"]),
        seal_finding_id=shown_id(SEAL_FINDING, row["finding_id"]),
        state="asked" if confirmed_by is None else "acknowledged",
        reason=row["reason"],
        subject=row["subject"],
        confirmed_by=confirmed_by,
    )
