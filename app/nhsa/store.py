"""Every SQL statement of the national interface, named in one place. Amounts in fen."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from msgspec import Struct, structs
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import Database, HotConnection
from app.nhsa.rows import (
    CatalogueVersion,
    InsuredPerson,
    KeptFile,
    KeptMessage,
    PersonIdentity,
    SealedFile,
    SignedIn,
    as_struct,
    as_struct_or_none,
)
from app.service.caller import Caller
from app.service.http import refuse_ended

_LOCK: Final = "SELECT nhsa_message_lock($1, $2, $3, $4)"
_OPENED: Final = "SELECT * FROM nhsa_opened($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
_PERSON_LOCK: Final = "SELECT person_lock($1)"
_NONCE: Final = "INSERT INTO nhsa_nonce (key_id, nonce) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1"
_HOSPITAL: Final = "SELECT *, area_on(area_code, $2) ->> 'dictionary' AS dictionary FROM hospital_on($1, $2)"
_PERSON: Final = "SELECT * FROM person_on($1, $2)"
_PERSON_BY_INDEX: Final = """
SELECT o.* FROM person p, LATERAL person_on(p.person_id, $2) o WHERE p.id_number_index = ANY ($1)"""
_IDENTITIES: Final = """
SELECT class AS class_, valid_from, valid_until FROM identity
 WHERE person_id = $1 AND superseded_at IS NULL AND (valid_until IS NULL OR valid_until > $2)
 ORDER BY valid_from, class"""
_YEAR: Final = "SELECT accumulators::text FROM person_year WHERE person_id = $1 AND benefit_year = $2"

_MESSAGE: Final = """
SELECT message_id, input_hash, outcome, settlement_id, visit_no, person_id, key, answer FROM nhsa_message
 WHERE hospital_code = $1 AND infno = $2 AND msgid = $3 AND outcome <> 'refused'"""
# As in request_open(): what was committed here may not be on the standby yet, so the replay's own commit waits for it.
_CONFIRM: Final = "SELECT pg_logical_emit_message(true, 'onestop', 'replayed')"
_KEEP: Final = """
INSERT INTO nhsa_message (hospital_code, infno, msgid, input_hash, outcome, settlement_id, visit_no, person_id, key,
                          request, answer, subject, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"""
_SETTLED: Final = """
SELECT nhsa_settled($1::new_entry, $2::new_transfer[], $3, $4, $5, $6::new_older, $7::new_transfer[], $8, $9, $10, $11,
  $12, $13, $14)"""
_WAS_REFUSED: Final = """
SELECT EXISTS (SELECT FROM nhsa_message
                WHERE hospital_code = $1 AND infno = $2 AND msgid = $3 AND outcome = 'refused')"""
_OTHER_INFNO: Final = """
SELECT infno FROM nhsa_message
 WHERE hospital_code = $1 AND msgid = $2 AND outcome = 'accepted' AND infno <> $3 ORDER BY message_id DESC LIMIT 1"""
_LATER_OF_VISIT: Final = """
SELECT msgid FROM nhsa_message
 WHERE visit_no = $1 AND infno = $2 AND outcome = 'accepted' AND message_id > $3 ORDER BY message_id LIMIT 1"""
_MSGID_OF: Final = """
SELECT msgid FROM nhsa_message
 WHERE settlement_id = $1 AND infno IN ('2207', '2304') AND outcome = 'accepted' LIMIT 1"""
_SETTLED_BY_MSGID: Final = """
SELECT settlement_id FROM nhsa_message
 WHERE hospital_code = $1 AND msgid = $2 AND infno IN ('2207', '2208', '2304', '2305') AND outcome = 'accepted'
   AND settlement_id IS NOT NULL ORDER BY infno IN ('2208', '2305') LIMIT 1"""
_IDENTIFIED: Final = """
INSERT INTO nhsa_identification (hospital_code, person_id, identified_at) VALUES ($1, $2, $3)
ON CONFLICT (hospital_code, person_id)
DO UPDATE SET identified_at = greatest(nhsa_identification.identified_at, excluded.identified_at)"""
_IS_IDENTIFIED: Final = """
SELECT EXISTS (SELECT FROM nhsa_identification WHERE hospital_code = $1 AND person_id = $2 AND identified_at >= $3)"""
_REVERSAL_OF: Final = "SELECT settlement_id FROM settlement WHERE of_settlement_id = $1 AND kind = 'reversal'"

_SIGN_IN: Final = (
    "INSERT INTO nhsa_session (hospital_code, operator_no) VALUES ($1, $2) RETURNING session_id, signed_at"
)
_SIGN_OUT: Final = """
UPDATE nhsa_session SET ended_at = coalesce(ended_at, clock_timestamp())
 WHERE session_id = $1 AND hospital_code = $2 AND operator_no = $3 RETURNING ended_at"""


_ENTRIES: Final = """
SELECT item_code, class AS class_, first_pay_ratio, ceiling_1, ceiling_2, ceiling_3, restricted, valid_from,
       valid_until, name, kind
  FROM catalogue_entry
 WHERE item_code = ANY ($1) AND superseded_at IS NULL AND area_code = ANY (catalogue_owners($2))
 ORDER BY area_code DESC"""


_CATALOGUE_PAGE: Final = """
SELECT item_code, class AS class_, first_pay_ratio, ceiling_1, ceiling_2, ceiling_3, restricted, valid_from,
       valid_until, name, kind
  FROM (SELECT DISTINCT ON (item_code) * FROM catalogue_entry
         WHERE superseded_at IS NULL AND ($1::text IS NULL OR item_code = $1) AND holds_on(valid_from, valid_until, $3)
           AND area_code = ANY (catalogue_owners($5))
         ORDER BY item_code, area_code DESC) e
 WHERE ($2::text IS NULL OR position($2 IN name) > 0)
   AND recorded_at >= $4::date::timestamp AT TIME ZONE 'Asia/Shanghai'
 ORDER BY item_code LIMIT $6 OFFSET $7"""
_FAILED_LOOKUP: Final = "INSERT INTO nhsa_failed_lookup (hospital_code) VALUES ($1)"
_FAILED_LOOKUPS: Final = """
SELECT count(*) FROM nhsa_failed_lookup WHERE hospital_code = $1 AND failed_at > clock_timestamp() - $2::interval"""
_DROP_FAILED_LOOKUPS: Final = "DELETE FROM nhsa_failed_lookup WHERE failed_at < clock_timestamp() - $1::interval"

_NEW_FILE: Final = """
INSERT INTO nhsa_file (hospital_code, filename, key, content, subject, request_id) VALUES ($1, $2, $3, $4, $5, $6)
RETURNING file_no, recorded_at"""
_FILE: Final = (
    "SELECT file_no, recorded_at, filename, key, content FROM nhsa_file WHERE file_no = $1 AND hospital_code = $2"
)

_ERASE_MESSAGES: Final = """
UPDATE nhsa_message SET key = NULL WHERE message_id IN (
  SELECT message_id FROM nhsa_message
   WHERE key IS NOT NULL AND recorded_at < clock_timestamp() - $1::interval LIMIT $2)"""
_ERASE_FILES: Final = (
    "UPDATE nhsa_file SET key = NULL WHERE key IS NOT NULL AND recorded_at < clock_timestamp() - $1::interval"
)
_DROP_NONCES: Final = "DELETE FROM nhsa_nonce WHERE used_at < clock_timestamp() - $1::interval"


class Hospital(Struct, frozen=True):
    """What the registry knows of a hospital on a day; ``dictionary``: the code lists that its area's record names."""

    name: str
    level: int
    rank: str
    area_code: str
    dictionary: str | None


# ---------------------------------------------------------------- requests


class Opened(Struct, frozen=True):
    """A message's transaction once it is open: the business instant, the hospital (None: not registered), the change by
    which its way of signing holds; whether the message is ours until the transaction ends, and what it was before."""

    now: datetime
    hospital: Hospital | None
    gateway: int | None
    held: bool
    message: KeptMessage | None


async def opened(
    transaction: AsyncConnection | HotConnection,
    caller: Caller,
    infno: str,
    msgid: str | None,
    *,
    manual: bool,
    wait: float,
) -> Opened:
    """Open the request of a message, and read what every message needs. With a msgid hold the message, or wait so many
    seconds for whoever does."""
    token_id, subject, request_id, *reach = caller.opening()[:6]
    values = (token_id, subject, request_id, *reach, manual, infno, msgid, timedelta(seconds=wait))
    if isinstance(transaction, AsyncConnection):  # which begins at its first statement
        row = {**(await transaction.exec_driver_sql(_OPENED, values)).mappings().one()}
    else:
        row = {**await transaction.fetchrow(_OPENED, *values)}
    refuse_ended(row["state"])
    return Opened(
        row["now"],
        None if row["level"] is None else as_struct(Hospital, row),
        row["gateway"],
        bool(row["held"]),
        None if row["message_id"] is None else as_struct(KeptMessage, row),
    )


async def lock_message(connection: HotConnection, hospital_code: str, infno: str, msgid: str, wait: float) -> bool:
    """Hold a message until the transaction ends; False when it is still running elsewhere after ``wait`` seconds."""
    held: bool = await connection.fetchval(_LOCK, hospital_code, infno, msgid, timedelta(seconds=wait))
    return held


async def lock_person(connection: HotConnection, person_id: str) -> None:
    """The very lock of settling: what a bill is made of doesn't change under it."""
    await connection.execute(_PERSON_LOCK, person_id)


async def spend_nonce(database: Database, key_id: str, nonce: str) -> bool:
    """Whether a nonce is new; it isn't afterwards, whatever comes of the message."""
    return await database.at_once(_NONCE, key_id, nonce) is not None


# ---------------------------------------------------------------- registry


async def hospital(connection: HotConnection, code: str, day: date) -> Hospital | None:
    """A hospital of the registry, as it was on a day."""
    return as_struct_or_none(Hospital, await connection.fetchrow(_HOSPITAL, code, day))


async def person(connection: HotConnection, person_id: str, day: date) -> InsuredPerson | None:
    """A person with the area and insurance of a day, None when there is none."""
    return as_struct_or_none(InsuredPerson, await connection.fetchrow(_PERSON, person_id, day))


async def person_by_index(connection: HotConnection, indexes: Sequence[bytes], day: date) -> InsuredPerson | None:
    """The person with one of these blind indexes of an id number."""
    return as_struct_or_none(InsuredPerson, await connection.fetchrow(_PERSON_BY_INDEX, list(indexes), day))


async def note_identified(connection: HotConnection, hospital_code: str, person_id: str, at: datetime) -> None:
    """Insert that a hospital identified a person by certificate, or move its instant on."""
    await connection.execute(_IDENTIFIED, hospital_code, person_id, at)


async def is_identified(connection: HotConnection, hospital_code: str, person_id: str, since: datetime) -> bool:
    """Whether a hospital identified a person at an instant or later."""
    found: bool = await connection.fetchval(_IS_IDENTIFIED, hospital_code, person_id, since)
    return found


async def identities(connection: HotConnection, person_id: str, day: date) -> list[PersonIdentity]:
    """A person's identities that hold on a day or begin later."""
    return [as_struct(PersonIdentity, row) for row in await connection.fetch(_IDENTITIES, person_id, day)]


async def accumulators(connection: HotConnection, person_id: str, year: int) -> str | None:
    """A person-year's accumulators as JSON."""
    text: str | None = await connection.fetchval(_YEAR, person_id, year)
    return text


async def catalogue(connection: HotConnection, item_codes: Sequence[str], area: str) -> list[CatalogueVersion]:
    """All current versions of these items that count in an area, its own first."""
    return [as_struct(CatalogueVersion, row) for row in await connection.fetch(_ENTRIES, list(item_codes), area)]


class WantedVersions(Struct, frozen=True):
    """Which versions of the catalogue are asked for: of a code, with a text in their names, that hold on a day and were
    recorded since another, and count in an area."""

    code: str | None
    name: str | None
    on: date
    since: date
    area: str


async def catalogue_page(
    connection: HotConnection, wanted: WantedVersions, limit: int, skip: int
) -> list[CatalogueVersion]:
    """Versions of the catalogue by their codes."""
    rows = await connection.fetch(_CATALOGUE_PAGE, *structs.astuple(wanted), limit, skip)
    return [as_struct(CatalogueVersion, row) for row in rows]


# ---------------------------------------------------------------- failed look-ups


async def note_failed_lookup(connection: HotConnection, hospital_code: str) -> None:
    """Count that a hospital asked for a person who isn't the one that it named."""
    await connection.execute(_FAILED_LOOKUP, hospital_code)


async def failed_lookups(connection: HotConnection, hospital_code: str, within: timedelta) -> int:
    """How many of a hospital's look-ups failed within a time, by the real clock."""
    count: int = await connection.fetchval(_FAILED_LOOKUPS, hospital_code, within)
    return count


# ---------------------------------------------------------------- messages


async def message(connection: HotConnection, hospital_code: str, infno: str, msgid: str) -> KeptMessage | None:
    """A remembered message, None when it never changed anything."""
    return as_struct_or_none(KeptMessage, await connection.fetchrow(_MESSAGE, hospital_code, infno, msgid))


async def confirm(connection: HotConnection) -> None:
    """Let the commit of a transaction that only repeats an answer wait as one that writes does."""
    await connection.execute(_CONFIRM)


async def was_refused(connection: HotConnection, hospital_code: str, infno: str, msgid: str) -> bool:
    """Whether a message arrived and was refused."""
    found: bool = await connection.fetchval(_WAS_REFUSED, hospital_code, infno, msgid)
    return found


async def other_infno(connection: HotConnection, hospital_code: str, msgid: str, infno: str) -> str | None:
    """Another transaction that a hospital did under a msgid."""
    found: str | None = await connection.fetchval(_OTHER_INFNO, hospital_code, msgid, infno)
    return found


async def later_of_visit(connection: HotConnection, visit_no: int, infno: str, message_id: int) -> str | None:
    """The msgid of the first accepted message of a transaction of a visit after another message."""
    found: str | None = await connection.fetchval(_LATER_OF_VISIT, visit_no, infno, message_id)
    return found


async def keep_message(connection: HotConnection, *values: object) -> None:
    """Insert a message; the values are those of the statement, in its order."""
    await connection.execute(_KEEP, *values)


async def settle(
    connection: HotConnection,
    written: Iterable[object],
    visit_no: int,
    line_nos: Sequence[int],
    message: Iterable[object],
) -> None:
    """Write a visit's settlement, which of its lines are in it, and the accepted message, in one call. ``written``: the
    values of ``entry_write``; ``message``: transaction, msgid, key, request, answer."""
    await connection.execute(_SETTLED, *written, visit_no, list(line_nos), *message)


async def msgid_of(connection: HotConnection, settlement_id: int) -> str:
    """The message that made a settlement, empty when it came in by another door."""
    return await connection.fetchval(_MSGID_OF, settlement_id) or ""


async def settled_by_msgid(connection: HotConnection, hospital_code: str, msgid: str) -> int | None:
    """The settlement that a message made, or the reversal that a cancelling one made."""
    found: int | None = await connection.fetchval(_SETTLED_BY_MSGID, hospital_code, msgid)
    return found


async def reversal_of(connection: HotConnection, settlement_id: int) -> int | None:
    """The settlement's reversal."""
    found: int | None = await connection.fetchval(_REVERSAL_OF, settlement_id)
    return found


# ---------------------------------------------------------------- sessions


async def sign_in(connection: HotConnection, hospital_code: str, operator_no: str) -> SignedIn:
    """A new session: its id and instant."""
    return as_struct(SignedIn, await connection.fetchrow(_SIGN_IN, hospital_code, operator_no))


async def sign_out(connection: HotConnection, session_id: int, hospital_code: str, operator_no: str) -> datetime | None:
    """When a session ended, None when it isn't this operator's."""
    ended: datetime | None = await connection.fetchval(_SIGN_OUT, session_id, hospital_code, operator_no)
    return ended


async def add_file(
    connection: HotConnection, caller: Caller, hospital_code: str, filename: str, key: bytes, content: bytes
) -> KeptFile:
    """Insert a sealed file: its number and instant."""
    subject, request_id = caller.principal.subject, caller.request_id
    row = await connection.fetchrow(_NEW_FILE, hospital_code, filename, key, content, subject, request_id)
    return as_struct(KeptFile, row)


async def file(connection: HotConnection, file_no: int, hospital_code: str) -> SealedFile | None:
    """A file of a hospital, None when there is none."""
    return as_struct_or_none(SealedFile, await connection.fetchrow(_FILE, file_no, hospital_code))


# ---------------------------------------------------------------- retention


async def erase(connection: HotConnection, *, messages_days: int, files_days: int, limit: int) -> int:
    """Take the keys of old messages and files away, and nonces that can't be accepted any more. How many messages."""
    await connection.execute(_DROP_NONCES, timedelta(hours=2))
    await connection.execute(_DROP_FAILED_LOOKUPS, timedelta(hours=2))
    await connection.execute(_ERASE_FILES, timedelta(days=files_days))
    done: str = await connection.execute(_ERASE_MESSAGES, timedelta(days=messages_days), limit)
    return int(done.rpartition(" ")[2])
