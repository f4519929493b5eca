"""The second factor of people who approve or send money on pages: the six digits that an authenticator shows (RFC 6238,
30 seconds, SHA-1), or one of ten recovery codes.

Its secret is encrypted, a code is good once, and a proof is good for ``PROVEN_FOR`` in its session. A lost one is reset
by two administrators (SQL: ``second_factor_reset``). Tokens are not asked for it. Real time.
"""

import asyncio
import base64
import secrets
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Final

import pyotp
from sqlalchemy import RowMapping, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Fault, Forbidden, NotFound, Refused
from app.database.engine import HotRecord
from app.finance import attempts
from app.registry.key_rotation import Table, renewed
from app.service.caller import Caller, Service
from app.service.second_person import by_another
from app.service.security import Keys, decrypt, encrypt, token_digest
from app.service.tables import app_user, second_factor, user_session

PROVEN_FOR: Final = timedelta(minutes=10)
STEP_SECONDS: Final = 30
RECOVERY_CODES: Final = 10
ISSUER: Final = "onestop"
_SECRETS: Final = """
SELECT name AS id, secret FROM second_factor WHERE name > $1 ORDER BY name LIMIT $2 FOR UPDATE"""
_WRITE_SECRET: Final = "UPDATE second_factor SET secret = $2 WHERE name = $1"


async def state(connection: AsyncConnection, name: str) -> RowMapping | None:
    """The second factor of a user, None for a user who never began one."""
    found = await connection.execute(select(second_factor).where(second_factor.c.name == name))
    return found.mappings().first()


async def offered(connection: AsyncConnection, keys: Keys, name: str) -> str:
    """The secret that a user is to enter into their authenticator, the same until they confirm it. Conflict
    ``second_factor_set`` afterwards."""
    found = await state(connection, name)
    if found is not None:
        if found["confirmed_at"] is not None:
            raise Conflict("second_factor_set")
        return decrypt(keys, found["secret"], associated=_place(name))
    made = pyotp.random_base32()
    values = {"name": name, "secret": encrypt(keys, made, associated=_place(name))}
    await connection.execute(insert(second_factor).values(values))
    return made


def address(secret: str, name: str) -> str:
    """The ``otpauth`` address that an authenticator reads from a picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


async def proven(service: Service, *, name: str, code: str, origin: str, session: bytes) -> list[str]:
    """Take a code for the session with this digest. The recovery codes when it was the first one ever, to be shown
    once. Refused ``second_factor_wrong`` for a wrong or a used code, TooMany after too many."""
    async with service.database.transaction() as connection:
        await connection.execute(select(app_user.c.name).where(app_user.c.name == name).with_for_update())
        pause = await attempts.begin(connection, service.keys, _counted(name), origin)
    await asyncio.sleep(pause)
    async with service.database.transaction() as connection:
        locked = select(second_factor).where(second_factor.c.name == name).with_for_update()
        found = (await connection.execute(locked)).mappings().first()
        if found is None:
            raise NotFound("not_found")
        changes = _accepted(service.keys, found, code.strip().replace(" ", ""))
        if changes is None:
            raise Refused([Fault("/code", "second_factor_wrong")])
        shown: list[str] = []
        if found["confirmed_at"] is None:
            shown = [_recovery_code() for _ in range(RECOVERY_CODES)]
            changes |= {"confirmed_at": datetime.now(UTC), "recovery": [token_digest(one) for one in shown]}
        await connection.execute(update(second_factor).where(second_factor.c.name == name).values(changes))
        mine = (user_session.c.digest == session) & (user_session.c.name == name)
        await connection.execute(update(user_session).where(mine).values(proven_at=datetime.now(UTC)))
        await attempts.succeeded(connection, service.keys, _counted(name), origin)
    return shown


def _accepted(keys: Keys, found: RowMapping, code: str) -> dict[str, object] | None:
    """What changes when a code is taken; None for one that isn't right, or was used."""
    totp = pyotp.TOTP(decrypt(keys, found["secret"], associated=_place(found["name"])))
    now = int(datetime.now(UTC).timestamp()) // STEP_SECONDS
    for step in (now - 1, now, now + 1):
        if step > found["last_step"] and compare_digest(totp.at(step * STEP_SECONDS).encode(), code.encode()):
            return {"last_step": step}
    digest = token_digest(code.upper())
    if found["confirmed_at"] is not None and digest in found["recovery"]:
        return {"recovery": [one for one in found["recovery"] if one != digest]}
    return None


async def reset(connection: AsyncConnection, caller: Caller, name: str) -> bool:
    """Ask for the reset of a user's second factor, or do what another administrator asked for. Whether it is reset.
    NotFound without such a user, Conflict ``second_factor_unset`` without one to reset, Forbidden ``maker_is_checker``
    for one's own, and for two administrators of whom one let the other in."""
    known = await connection.execute(select(app_user.c.name).where(app_user.c.name == name))
    if known.first() is None:
        raise NotFound("not_found")
    found = await state(connection, name)
    if found is None:
        raise Conflict("second_factor_unset")
    subject = caller.principal.subject
    if subject == name:
        raise Forbidden("maker_is_checker")
    if found["reset_by"] not in (None, subject):
        await by_another(connection, caller, found["reset_by"])
    asked = text("SELECT second_factor_reset(:name, :subject)")
    done: bool = (await connection.execute(asked, {"name": name, "subject": subject})).scalar_one()
    return done


def _renewed(keys: Keys, row: HotRecord) -> tuple[bytes] | None:
    return renewed(keys, row["secret"], _place(row["id"]))


FACTORS: Final[Table] = ("second_factor", _SECRETS, _WRITE_SECRET, _renewed)
"""What a new secret of the service writes anew here (``app/registry/key_rotation.py``)."""


def _recovery_code() -> str:
    return base64.b32encode(secrets.token_bytes(10)).decode()


def _counted(name: str) -> str:
    """The name under which failures of the second factor are counted, apart from those of the password."""
    return f"{name}\x00second factor"


def _place(name: str) -> bytes:
    return f"second_factor/secret/{name}".encode()
