"""All pages: their routers, and the files they need."""

from fastapi import APIRouter, FastAPI

from app.finance import (
    exports,
    login,
    order,
    orders,
    overview,
    settlement,
    settlements,
    statement,
    statements,
    user_api,
)
from app.finance.static_files import static_files

PAGES: tuple[APIRouter, ...] = tuple(
    module.router
    for module in (user_api, login, exports, overview, orders, order, statements, statement, settlements, settlement)
)


def install(api: FastAPI) -> None:
    """Put the pages into the application."""
    for router in PAGES:
        api.include_router(router)
    api.mount("/finance/static", static_files(), "finance-static")
