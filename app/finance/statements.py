"""Statements as a list: what each hospital declared for a month."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.clearing.lists import STATEMENTS
from app.finance.list_page import ListPage, get_list
from app.finance.page import PageRoute

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
PAGE: Final = ListPage(
    declared=STATEMENTS,
    address="/finance/statements",
    members=("statement_id", "hospital_code", "period", "area_code", "amount", "pay_by", "state"),
    key="statement_id",
    template="statements.html",
    batch=("approve",),
)


@router.get("/statements")
async def get_statements(request: Request) -> Response:
    """The list of statements."""
    return await get_list(request, PAGE)
