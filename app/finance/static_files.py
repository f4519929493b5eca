"""Styles, scripts, pictures and the assets that ``assets/install.py`` fetched. Their addresses change with them."""

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from app.finance.look import STATIC


class LastingFiles(StaticFiles):
    """Files that a browser may keep for a year."""

    async def get_response(self, path: str, scope: Any) -> Response:
        """A file, or 404."""
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def static_files() -> LastingFiles:
    """What is mounted at ``/finance/static``."""
    return LastingFiles(directory=STATIC)
