"""Conditional writes (RFC 9110, section 13.1.1): a read answers an entity tag, and a PUT that sends it back with
``If-Match`` is refused when somebody else wrote in between. Nobody has to send one."""

import re
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from app.basics.errors import Malformed, NotFound, PreconditionFailed

_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS: Final = re.compile(rf"[ \t]*(?:\*|{_TAG}(?:[ \t]*,[ \t]*{_TAG})*)[ \t]*")
_ONE: Final = re.compile(_TAG)
HEADER: Final = "If-Match"
ANY: Final = ("*",)


def tags_of(lines: Sequence[str]) -> tuple[str, ...] | None:
    """The tags of a request's ``If-Match`` lines, ``ANY`` for whatever is there, None without a line; Malformed where
    they can't be read."""
    if not lines:
        return None
    sent = ",".join(lines)
    if _TAGS.fullmatch(sent) is None:
        raise Malformed("invalid_parameter", values={"parameter": HEADER})
    return ANY if sent.strip() in ANY else tuple(_ONE.findall(sent))


def tag_of(shown: object) -> str:
    """The strong entity tag of what a read answers: a digest of its JSON."""
    return f'"{sha256(msgspec.json.encode(shown)).hexdigest()[:32]}"'


async def hold_to(tags: tuple[str, ...] | None, shown: Callable[[], Awaitable[object]]) -> None:
    """PreconditionFailed unless what a read would answer now has one of the tags that the request named. Asked under
    the lock of what is about to be written, so that nobody writes in between. A weak tag is never the one."""
    if tags is None:
        return
    try:
        there = tag_of(await shown())
    except NotFound:
        there = None
    if there is None or (tags != ANY and there not in tags):
        raise PreconditionFailed("precondition_failed")
