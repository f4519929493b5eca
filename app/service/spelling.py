"""Ids in the answer to a request as its sender wrote them: compared and kept folded, repeated as sent (decision 0020).

What is spelled otherwise than it is compared is noted while a request is read, and put into its answer before that
leaves. Almost no request notes anything.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final

import msgspec
from starlette.types import Message, Scope, Send

_MEMBERS: Final = {"code": ("code", "hospital_code")}  # how answers call a parameter of paths

Spelled = Mapping[tuple[str, str], str]
"""By member name and folded text, the text as it was sent."""

_current: Final[ContextVar[dict[tuple[str, str], str] | None]] = ContextVar("spelled_ids", default=None)


def note(name: str, folded: object, sent: object) -> None:
    """Note that a member was sent in another spelling than the one that it is compared by."""
    noted = _current.get()
    if noted is not None and isinstance(sent, str) and isinstance(folded, str) and sent != folded:
        noted[name, folded] = sent


def as_sent(value: object, spelled: Spelled) -> object:
    """An answer with every member that was sent in another spelling in that spelling."""
    if isinstance(value, dict):
        return {
            name: spelled.get((name, item), item) if isinstance(item, str) else as_sent(item, spelled)
            for name, item in value.items()
        }
    return [as_sent(item, spelled) for item in value] if isinstance(value, list) else value


class AsSent:
    """The ``send`` of one request that repeats its ids as they were sent: in JSON answers, not in refusals.

    Our JSON has no floating-point numbers, so that reading and writing it again changes nothing else.
    """

    __slots__ = ("_held", "_noted", "_scope", "_send", "_sent_path")

    def __init__(self, send: Send, scope: Scope, sent_path: str) -> None:
        self._send, self._scope, self._sent_path = send, scope, sent_path
        self._noted: dict[tuple[str, str], str] = {}
        self._held: Message | None = None
        _current.set(self._noted)

    async def __call__(self, message: Message) -> None:
        """Pass a message on; the head of an answer to be changed waits for its body, which comes whole."""
        if message["type"] == "http.response.start" and self._is_spelled() and _is_json_answer(message):
            self._held = message
            return
        if self._held is not None and message["type"] == "http.response.body":
            content = msgspec.json.encode(as_sent(msgspec.json.decode(message["body"]), self._noted))
            kept = [header for header in self._held["headers"] if header[0] != b"content-length"]
            self._held["headers"] = [*kept, (b"content-length", str(len(content)).encode())]
            await self._send(self._held)
            self._held, message = None, {**message, "body": content}
        await self._send(message)

    def _is_spelled(self) -> bool:
        """Whether anything was sent in another spelling, in the body or in the path."""
        if self._sent_path != self._scope["path"]:
            sent = dict(zip(self._scope["path"].split("/"), self._sent_path.split("/"), strict=True))
            for name, value in self._scope.get("path_params", {}).items():
                for member in _MEMBERS.get(name, (name,)):
                    note(member, value, sent.get(value))
        return bool(self._noted)


def _is_json_answer(start: Message) -> bool:
    return start["status"] < 400 and (b"content-type", b"application/json") in start["headers"]
