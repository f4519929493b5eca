"""What a connection may take before anybody is known: bytes and time of its head, time of its body, and how many an
address may have. Names uvicorn's protocol on httptools and bounds it; each worker counts for itself.

uvicorn bounds only idle connections; the parser gathers a header of any length. What a flood from many addresses does
is left to the proxy (deploy/nginx).
"""

import asyncio
from collections import Counter
from functools import cache
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from app.config import Settings
from app.service.forwarded import Proxies
from app.service.metrics import connections_refused

MOST_HEAD_BYTES: Final = 64 * 1024
PATIENCE_SECONDS: Final = 10.0
LEAST_BODY_BYTES: Final = 10 * 1024  # within PATIENCE_SECONDS
HEAD_ENDS: Final = b"\r\n\r\n"
OF_ADDRESSES: Final = Counter[str]()
"""The open connections of this process by address."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's connection with bounds. A head has to be complete within ``PATIENCE_SECONDS`` and
    ``MOST_HEAD_BYTES``; a body has to bring ``LEAST_BODY_BYTES`` in each such time while it is being read."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._address: str | None = None
        self._reads_head = True
        self._head_bytes = 0
        self._body_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ of the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, and give its first head its time. One too many of its address is cut off."""
        super().connection_made(transport)
        address = None if self.client is None else self.client[0]
        most = bounds().connections_per_address
        if address is not None and most and not bounds().proxies.has(address):
            if OF_ADDRESSES[address] >= most:
                connections_refused.labels("address").inc()
                transport.abort()
                return
            OF_ADDRESSES[address] += 1
            self._address = address
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._wait_no_more()
        if self._address is not None:
            OF_ADDRESSES[self._address] -= 1
            if not OF_ADDRESSES[self._address]:
                del OF_ADDRESSES[self._address]
            self._address = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come, unless the head has become too long by it."""
        if self._reads_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and self._is_head_too_long(data):
                self._refuse("head_bytes", 431)
                return
        else:
            self._body_bytes += len(data)
        super().data_received(data)
        if self._reads_head and not self._head_bytes:
            self._wait_no_more()
        elif self._timer is None and not self.transport.is_closing():
            self._wait()

    def _is_head_too_long(self, data: bytes) -> bool:
        """Whether the head itself is: the bytes behind its end belong to the body."""
        end = data.find(HEAD_ENDS)
        return self._head_bytes - (0 if end < 0 else len(data) - end) > MOST_HEAD_BYTES

    # ------------------------------------------------------------ of the parser

    def on_headers_complete(self) -> None:
        """The head is over and the body begins."""
        self._reads_head = False
        self._body_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is over; the next head may begin."""
        self._reads_head, self._head_bytes = True, 0
        super().on_message_complete()

    # ------------------------------------------------------------ of the clock

    def _wait(self) -> None:
        self._timer = self.loop.call_later(PATIENCE_SECONDS, self._look)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """A head that isn't complete by now is refused; a body that is being read has to come on."""
        self._timer = None
        if self.transport.is_closing():
            return
        if self._reads_head:
            self._refuse("head_time", 408)
        elif self._body_bytes < LEAST_BODY_BYTES and not (
            self.flow.read_paused or self.cycle.waiting_for_100_continue  # the sender waits for us
        ):
            self._refuse("body_time", 408)
        else:
            self._body_bytes = 0
            self._wait()

    def _refuse(self, reason: str, status: int) -> None:
        """Answer, where no answer has begun, and close."""
        connections_refused.labels(reason).inc()
        self._wait_no_more()
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()


class Bounds:
    """What the operator set, read once in a process."""

    def __init__(self, settings: Settings) -> None:
        self.connections_per_address = settings.connections_per_address
        self.proxies = Proxies(settings.proxies)  # their connections are those of many


@cache
def bounds() -> Bounds:
    """The bounds of this process."""
    return Bounds(Settings())
