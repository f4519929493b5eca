"""For whom a trusted proxy asks, by RFC 7239 ``Forwarded``. uvicorn itself reads ``X-Forwarded-For`` and
``X-Forwarded-Proto``, from the same proxies; where both come, those count."""

import re
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

_FOR: Final = re.compile(r'\bfor=(?:"?\[([0-9a-f:.]+)\](?::\d+)?"?|"?([0-9.]+)(?::\d+)?"?)', re.IGNORECASE)
_PROTO: Final = re.compile(r'\bproto="?(https?)\b', re.IGNORECASE)


class Proxies:
    """The addresses and networks that are proxies of ours."""

    def __init__(self, written: Iterable[str]) -> None:
        self._networks = [ip_network(one) for one in written]

    def has(self, address: str) -> bool:
        """Whether an address is a proxy's; what is no address isn't."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)


class Forwarded:
    """Puts the sender that a trusted proxy names in the place of the proxy. Pure ASGI, the outermost layer."""

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self.app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["client"] is not None:
            written = [value for name, value in scope["headers"] if name == b"forwarded"]
            if written and self._proxies.has(scope["client"][0]):
                self._believe(scope, b",".join(written).decode("latin-1"))
        await self.app(scope, receive, send)

    def _believe(self, scope: Scope, written: str) -> None:
        """The last hop that isn't a proxy of ours is the sender: what stands before it anybody may have written."""
        for hop in reversed(written.split(",")):
            found = _FOR.search(hop)
            if found is None:
                return
            address = found[1] or found[2]
            proto = _PROTO.search(hop)
            if proto is not None:
                scope["scheme"] = proto[1].lower()
            scope["client"] = (address, 0)
            if not self._proxies.has(address):
                return
