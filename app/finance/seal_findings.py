"""The findings of the seals: what isn't as it was sealed, and what two people said of it."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.finance.list_page import ListPage, get_list
from app.finance.page import PageRoute
from app.ledger.seal_finding_list import SEAL_FINDINGS

router = APIRouter(prefix="/finance/seal-findings", route_class=PageRoute, include_in_schema=False)
PAGE: Final = ListPage(
    declared=SEAL_FINDINGS,
    address="/finance/seal-findings",
    members=(
        *("found_at", "seal_finding_id", "kind", "block", "table", "row", "state"),
        *("acknowledgement_id", "reason", "asked_by", "confirmed_by", "confirmed_at", "mended_at"),
    ),
    key="seal_finding_id",
)


@router.get("")
async def get_seal_findings(request: Request) -> Response:
    """The findings of the seals."""
    return await get_list(request, PAGE)
