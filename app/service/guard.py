"""What every request and every answer keeps to, whatever the route: the host that was asked, and headers that keep
answers out of caches and other sites. Pure ASGI."""

from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

YEAR_SECONDS: Final = 31_536_000
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_NO_STORE: Final = (b"cache-control", b"no-store")
_TLS_ONLY: Final = (b"strict-transport-security", f"max-age={YEAR_SECONDS}".encode())


class Guard:
    """Refuses requests to hosts that aren't ours, and completes the heads of answers.

    ``hosts``: the names that the service is asked by, ``*.example.cn`` for those below one; empty: any. Addresses in
    ``open_to_all`` answer under any name, since probes ask by address.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], open_to_all: Collection[str]) -> None:
        self.app = app
        self._names = frozenset(host for host in hosts if not host.startswith("*."))
        self._below = tuple(host[1:] for host in hosts if host.startswith("*."))
        self._open = frozenset(open_to_all)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 400."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if (self._names or self._below) and scope["path"] not in self._open and not self._ours(scope):
            await PlainTextResponse("Invalid host header", 400)(scope, receive, send)
            return
        tls = scope.get("scheme") == "https"

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _completed(message.get("headers", ()), tls=tls)
            await send(message)

        await self.app(scope, receive, complete)

    def _ours(self, scope: Scope) -> bool:
        host = Headers(scope=scope).get("host", "").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        return name in self._names or name.endswith(self._below)


def _completed(headers: Collection[tuple[bytes, bytes]], *, tls: bool) -> list[tuple[bytes, bytes]]:
    """The head of an answer with what it lacks: not to be guessed at, not to be kept, next time by TLS."""
    names = {name for name, _ in headers}
    added = [one for one in (_NOSNIFF, _NO_STORE) if one[0] not in names]
    if tls and _TLS_ONLY[0] not in names:
        added.append(_TLS_ONLY)
    return [*headers, *added]
