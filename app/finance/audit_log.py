"""The audit log: who saw or did what."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.finance.list_page import ListPage, get_list
from app.finance.page import PageRoute
from app.service.audit_list import AUDIT_LOG

router = APIRouter(prefix="/finance/audit-log", route_class=PageRoute, include_in_schema=False)
PAGE: Final = ListPage(
    declared=AUDIT_LOG,
    address="/finance/audit-log",
    members=("recorded_at", "subject", "kind", "operation", "about", "count", "reason", "status_code", "request_id"),
    key="recorded_at",
)


@router.get("")
async def get_audit_log(request: Request) -> Response:
    """The audit log."""
    return await get_list(request, PAGE)
