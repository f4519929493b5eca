"""Any other address below ``/finance``, and any other method: a page that says so, with the menu of whoever is logged
in."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.basics.errors import NotFound
from app.finance.page import PageRoute, visit

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
CHANGING: Final = ["POST", "PUT", "PATCH", "DELETE"]


async def nothing(request: Request) -> Response:
    """No page: NotFound, for who is logged in; the login for who isn't. Nothing of the request is read."""
    await visit(request)
    raise NotFound("not_found")


router.add_api_route("/{path:path}", nothing, methods=["GET"], include_in_schema=False)
for _path in ("", "/{path:path}"):
    router.add_api_route(_path, nothing, methods=CHANGING, include_in_schema=False)
