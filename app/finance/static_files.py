"""Styles, scripts, pictures and the assets that ``assets/install.py`` fetched. Their addresses change with them."""

import asyncio
import gzip
from functools import cache
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.finance.look import STATIC

COMPRESSED: Final = (".css", ".js", ".svg")


class LastingFiles(StaticFiles):
    """Files that a browser may keep for a year; texts are sent compressed, which makes a fifth of them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or 404."""
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
            if path.endswith(COMPRESSED):
                response.headers["Vary"] = "Accept-Encoding"
                if isinstance(response, FileResponse) and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
                    response = await _compressed(response)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


async def _compressed(plain: FileResponse) -> Response:
    path = Path(plain.path)
    content = await asyncio.to_thread(_packed, path, plain.headers["etag"])
    kept = {name: value for name, value in plain.headers.items() if name not in ("content-length", "content-type")}
    return Response(content, 200, kept | {"Content-Encoding": "gzip"}, plain.media_type)


@cache
def _packed(path: Path, _: str) -> bytes:
    """A file's content, compressed once in the life of a process and of the file."""
    return gzip.compress(path.read_bytes(), 9)


def static_files() -> LastingFiles:
    """What is mounted at ``/finance/static``."""
    return LastingFiles(directory=STATIC)
