"""Every advisory lock: its name, its number, why it is needed. None is taken by a number written anywhere else.

A lock of a named thing (a person, a month of an area) is ``hashtextextended(name, number)``, so that the numbers part
the kinds; in SQL ``lock_key('person', id)`` says the same for the locks that the database takes itself (a test
compares). The last three are locks of the whole database: their number is the lock. All are held until the transaction
ends, so that they work behind a pooler.

The order in which one transaction takes them: an idempotency key or a message, then what is declared, ordered or
closed, then the person, then the area's month and year. Whoever takes several of a kind takes them by name.
"""

from enum import IntEnum
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import HotConnection

_HOLD: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, :number))")
_SHARE: Final = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, :number))")


class Lock(IntEnum):
    """The advisory locks. The value parts the kinds of names, or is the whole lock."""

    IDEMPOTENCY_KEY = 1  # of a subject and its key: twins of a request come one after the other
    PERSON = 2  # everything that spends a person's yearly rooms; facts do not change under a bill
    CATALOGUE_ITEM = 3  # of an item code, or shared of all while one is changed: periods of one item don't overlap
    AREA_YEAR = 4  # shared by whoever posts for an area, alone by whoever closes its year or sums its month
    DECLARATION = 5  # of a hospital and an area: a posting goes into one statement
    AREA_MONTH = 6  # shared by whoever dates something into an area's months, alone by whoever closes one
    MONTHLY_REPORT = 8  # of an area and month: a report is drawn up once
    HOSPITAL = 9  # of a hospital's code: its periods, contracts and own codes don't overlap
    AREA_RECORD = 10  # of an area's code: its record and its figures don't overlap
    ORDER = 11  # of an area and fund: what is carried, offset or released is taken by one payment
    NHSA_MESSAGE = 12  # of a hospital, transaction and message number: 2601 can tell whether the message still runs
    FAMILY_DOCTOR_CONTRACT = 13  # of a contract's number: versions of one contract come one after the other
    SUBJECT = 14  # of a subject: roles that may not meet don't come by two tokens issued at once
    MIGRATION = 7203_0001  # two that migrate at once: the second waits
    SEAL = 7203_0002  # the seals are one chain: the next block names the last one
    ROLL = 7203_0003  # a posting is added to the sums once; postings_roll() takes it


async def hold(connection: AsyncConnection, kind: Lock, name: str) -> None:
    """Hold the lock of a named thing until the transaction ends: there may be no row yet that could be locked."""
    await connection.execute(_HOLD, {"name": name, "number": kind.value})


async def share(connection: AsyncConnection, kind: Lock, name: str) -> None:
    """Hold a named thing's lock together with others until the transaction ends; who wants it alone waits for all of
    them."""
    await connection.execute(_SHARE, {"name": name, "number": kind.value})


async def hold_hot(connection: HotConnection, kind: Lock, name: str) -> None:
    """As ``hold``, on a bare asyncpg connection."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", name, kind.value)
