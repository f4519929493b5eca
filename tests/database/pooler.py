"""A pooler that drops every start-up parameter but user and database, as some do: a proxy on TCP before the database's
socket."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

_KEPT = (b"user", b"database")


@asynccontextmanager
async def forgetful(url: str) -> AsyncIterator[str]:
    """The URL of a pooler before the database of this URL, for as long as the context lasts."""
    parts = urlsplit(url)
    socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_unix_connection(socket)
        downstream.write(_stripped(await reader.readexactly(int.from_bytes(await reader.readexactly(4)) - 4)))
        await asyncio.gather(_pass(reader, downstream), _pass(upstream, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"postgresql://{parts.username}:{parts.password}@127.0.0.1:{port}{parts.path}?sslmode=disable"


def _stripped(start: bytes) -> bytes:
    """A start-up message with no more parameters than it needs."""
    words = start[4:].rstrip(b"\0").split(b"\0")
    pairs = [(name, value) for name, value in zip(words[::2], words[1::2], strict=True) if name in _KEPT]
    body = start[:4] + b"".join(name + b"\0" + value + b"\0" for name, value in pairs) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
