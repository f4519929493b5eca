"""A form that was sent after its session had ended: kept while its sender logs in again, then shown filled in.

It travels through the login page, encrypted: nothing is stored, and whoever else logs in at this browser can't read it.
A form with passwords, or one with a file, isn't kept.
"""

import base64
from typing import Final

import msgspec
from fastapi import Request
from msgspec import Struct

from app.service.security import Keys, decrypt, encrypt

RESUMED: Final = "resumed"
"""The field that says that a form only comes back: it is shown again, and does nothing."""
_PLACE: Final = "finance.kept_form"
_OURS: Final = frozenset({"csrf", "key", RESUMED})


class KeptForm(Struct):
    """Where a form was sent, and its fields but for those that each page makes anew."""

    path: str
    fields: dict[str, str]


def is_kept(request: Request) -> bool:
    """Whether a request is a form of fields alone."""
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def kept(keys: Keys, path: str, fields: dict[str, str], owner: str) -> str:
    """The form as a text for the login page, for this user alone."""
    form = KeptForm(path, {name: text for name, text in fields.items() if name not in _OURS})
    content = encrypt(keys, msgspec.json.encode(form).decode(), associated=_of(owner))
    return base64.urlsafe_b64encode(content).decode()


def kept_of(keys: Keys, text: str, owner: str) -> KeptForm | None:
    """The form that a text stands for; None when it isn't ours, or another user's."""
    try:
        content = decrypt(keys, base64.urlsafe_b64decode(text.encode("ascii")), associated=_of(owner))
        return msgspec.json.decode(content, type=KeptForm)
    except (ValueError, msgspec.MsgspecError):
        return None


def _of(owner: str) -> bytes:
    return f"{_PLACE} {owner}".encode()
