"""Any other address below ``/finance``: a page that says so, with the menu of whoever is logged in."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.basics.errors import NotFound
from app.finance.page import PageRoute, visit

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)


@router.get("/{path:path}")
async def get_nothing(request: Request, path: str) -> Response:
    """No page: NotFound, for who is logged in; the login for who isn't."""
    await visit(request)
    raise NotFound("not_found")
