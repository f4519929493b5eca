"""Subjects: who somebody is, in one form, and no look-alikes. A token and a user of one subject are one person."""

import unicodedata
from typing import Final

from confusable_homoglyphs import categories, confusables
from sqlalchemy import select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict
from app.basics.text import subject_form
from app.service.tables import app_user, token

_EVERYBODY: Final = union(select(token.c.subject), select(app_user.c.name))


async def admitted(connection: AsyncConnection, sent: str) -> str:
    """The form in which a subject that is sent is kept. Conflict ``subject_looks_alike`` when it looks like a known one
    and is another."""
    subject = subject_form(sent)
    shape = skeleton(subject)
    known = {subject_form(row[0]) for row in await connection.execute(_EVERYBODY)}
    if subject not in known and any(skeleton(one) == shape for one in known):
        raise Conflict("subject_looks_alike")
    return subject


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
