"""The account to which a hospital's money goes: encrypted, shown masked, changed by two people, every change kept."""

from datetime import date
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, NotFound
from app.basics.ids import HOSPITAL_ACCOUNT, number_of, shown_id
from app.database.locks import Lock, hold
from app.registry.dated import written_by
from app.registry.hospital_facts import AccountChangeAnswer, BankAccount, masked
from app.registry.tables import hospital_account
from app.service.caller import Caller
from app.service.second_person import by_another
from app.service.security import Keys, decrypt, encrypt

PENDING: Final = "pending"
APPROVED: Final = "approved"
REPLACED: Final = "replaced"
MOST_WAITING: Final = 200


class WaitingHospitalChange(NamedTuple):
    """A change that waits for another person, its account masked; None where it removes the account."""

    change_id: str
    hospital_code: str
    bank_account: BankAccount | None
    asked_by: str


async def ask(
    keys: Keys, connection: AsyncConnection, caller: Caller, code: str, wanted: BankAccount | None, *, at_once: bool
) -> None:
    """Ask for a change; None removes the account. It replaces one that waits, and holds ``at_once`` with a new
    hospital. Nothing changes when it is the account that holds."""
    if wanted == await holding(keys, connection, code):
        return
    content = None
    if wanted is not None:
        content = encrypt(keys, msgspec.json.encode(wanted).decode(), associated=account_place(code))
    columns = hospital_account.c
    waiting = (columns.hospital_code == code, columns.state == PENDING)
    await connection.execute(update(hospital_account).where(*waiting).values(state=REPLACED))
    values = {"hospital_code": code, "content": content, "state": APPROVED if at_once else PENDING}
    await connection.execute(insert(hospital_account).values(values | written_by(caller)))


async def approve(connection: AsyncConnection, caller: Caller, day: date, shown: str) -> AccountChangeAnswer:
    """Let a change hold. NotFound for a hospital out of reach, Forbidden ``maker_is_checker``, Conflict
    ``invalid_move`` when it doesn't wait any more."""
    columns, number = hospital_account.c, number_of(HOSPITAL_ACCOUNT, shown)
    of = (await connection.execute(select(columns.hospital_code).where(columns.change_id == number))).scalar()
    if of is None or caller.reach[0] == "hospital":
        raise NotFound("not_found")
    await hold(connection, Lock.HOSPITAL, of)
    row = (await connection.execute(select(hospital_account).where(columns.change_id == number))).mappings().one()
    await by_another(connection, caller, row["subject"])
    if row["state"] != PENDING:
        values = {"state": row["state"], "wanted": APPROVED}
        raise Conflict("invalid_move", values=values, extra={"state": row["state"]})
    former = (columns.hospital_code == of, columns.state == APPROVED)
    await connection.execute(update(hospital_account).where(*former).values(state=REPLACED))
    signed = {"state": APPROVED, "approved_by": caller.principal.subject, "approved_on": day}
    await connection.execute(update(hospital_account).where(columns.change_id == number).values(**signed))
    return AccountChangeAnswer(shown, APPROVED)


async def holding(keys: Keys, connection: AsyncConnection, code: str) -> BankAccount | None:
    """Where a hospital's money goes, unmasked; None without an account, or out of the caller's reach."""
    mine = (hospital_account.c.hospital_code == code, hospital_account.c.state == APPROVED)
    content = (await connection.execute(select(hospital_account.c.content).where(*mine))).scalar_one_or_none()
    return None if content is None else _decoded(keys, code, content)


async def pending(connection: AsyncConnection, code: str) -> AccountChangeAnswer | None:
    """The change of a hospital's account that waits, if any is within reach."""
    mine = (hospital_account.c.hospital_code == code, hospital_account.c.state == PENDING)
    number = (await connection.execute(select(hospital_account.c.change_id).where(*mine))).scalar_one_or_none()
    return None if number is None else AccountChangeAnswer(shown_id(HOSPITAL_ACCOUNT, number), PENDING)


async def waiting(keys: Keys, connection: AsyncConnection) -> list[WaitingHospitalChange]:
    """The changes within reach that wait, the oldest first."""
    columns = hospital_account.c
    wanted = select(hospital_account).where(columns.state == PENDING).order_by(columns.change_id).limit(MOST_WAITING)
    found = []
    for row in (await connection.execute(wanted)).mappings():
        code, content = row["hospital_code"], row["content"]
        account = None if content is None else masked(_decoded(keys, code, content))
        found.append(WaitingHospitalChange(shown_id(HOSPITAL_ACCOUNT, row["change_id"]), code, account, row["subject"]))
    return found


async def current(connection: AsyncConnection, code: str) -> int | None:
    """The number of the change that a hospital's account comes from, also for who may not see the account; None where
    none was ever set. A payment pins it at its approval."""
    number: int | None = (await connection.execute(select(func.hospital_account_of(code)))).scalar_one()
    return number


def _decoded(keys: Keys, code: str, content: bytes) -> BankAccount:
    return msgspec.json.decode(decrypt(keys, content, associated=account_place(code)), type=BankAccount)


def account_place(code: str) -> bytes:
    """Where an encrypted account belongs."""
    return f"hospital_account.content {code}".encode()
