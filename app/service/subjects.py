"""Subjects: who somebody is, in one form, no look-alikes, no roles that may not meet. A token and a user of one subject
are one person."""

import logging
import unicodedata
from collections.abc import Sequence
from typing import Final

from confusable_homoglyphs import categories, confusables
from sqlalchemy import cast, func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict
from app.basics.text import subject_form
from app.service.tables import TEXTS, app_user, token

LOGGER: Final = logging.getLogger("onestop.subjects")
_EVERYBODY: Final = union(select(token.c.subject), select(app_user.c.name))


async def admitted(connection: AsyncConnection, sent: str, scopes: Sequence[str], *, strict: bool) -> str:
    """The form in which a subject that is sent is kept, to be given these scopes. Conflict ``subject_looks_alike`` when
    it looks like a known one and is another; and as ``keep_apart``."""
    subject = subject_form(sent)
    shape = skeleton(subject)
    known = {subject_form(row[0]) for row in await connection.execute(_EVERYBODY)}
    if subject not in known and any(skeleton(one) == shape for one in known):
        raise Conflict("subject_looks_alike")
    await keep_apart(connection, subject, scopes, strict=strict)
    return subject


async def keep_apart(connection: AsyncConnection, subject: str, scopes: Sequence[str], *, strict: bool) -> None:
    """Conflict ``roles_may_not_meet`` when these scopes and what the subject has already may not meet in one person.
    Only a warning unless ``strict``, as one person alone tries everything out."""
    meeting = (await connection.execute(select(func.roles_meeting(subject, cast(list(scopes), TEXTS))))).scalar_one()
    if meeting is None:
        return
    if strict:
        raise Conflict("roles_may_not_meet", values=dict(zip(("one", "other"), meeting, strict=True)))
    LOGGER.warning(
        "the roles %s and %s meet in one subject; take another subject, in production this is refused", *meeting
    )


def skeleton(subject: str) -> str:
    """What a subject looks like: each letter as the first of those of other scripts that look like it (the confusables
    of UTS #39). Digits, signs and letters of one script stay, so ``1`` and ``l`` are two."""
    return subject if subject.isascii() else "".join(_shape(sign) for sign in subject)


def _shape(sign: str) -> str:
    if sign.isascii() or not _is_letter(sign):
        return sign
    found = confusables.is_confusable(sign, greedy=True)
    alike = [one["c"] for one in found[0]["homoglyphs"]] if found else []
    script = categories.alias(sign)
    letters: list[str] = [one for one in alike if _is_letter(one) and categories.alias(one) != script]
    return min(sign, *letters).lower()


def _is_letter(text: str) -> bool:
    return len(text) == 1 and unicodedata.category(text).startswith("L")
