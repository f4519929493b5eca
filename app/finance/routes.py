"""All pages: their routers, and the files they need."""

from typing import Final

from fastapi import FastAPI

from app.finance import (
    accounts,
    audit,
    audit_log,
    balances,
    bank_checks,
    bank_receipts,
    batches,
    claims,
    closings,
    corrections,
    deposits,
    exports,
    hospital,
    imports,
    jobs,
    login,
    made_of,
    months,
    order,
    orders,
    overview,
    payment_batches,
    person,
    policies,
    prepayments,
    readjudications,
    reconciliation,
    registry_lists,
    reports,
    seal_findings,
    search,
    second_factor_page,
    settlement,
    settlements,
    statement,
    statements,
    unknown,
    user_api,
    users_page,
    views,
    waiting_page,
    year_closing,
)
from app.finance.static_files import static_files

MODULES: Final = (
    user_api,
    login,
    second_factor_page,
    overview,
    made_of,
    months,
    waiting_page,
    search,
    person,
    hospital,
    payment_batches,
    bank_receipts,
    bank_checks,
    batches,
    orders,
    order,
    statements,
    statement,
    settlements,
    settlement,
    corrections,
    reconciliation,
    audit,
    claims,
    accounts,
    prepayments,
    deposits,
    balances,
    readjudications,
    closings,
    year_closing,
    reports,
    imports,
    jobs,
    registry_lists,
    policies,
    audit_log,
    seal_findings,
    users_page,
    views,
    exports,
)


def install(api: FastAPI) -> None:
    """Put the pages into the application."""
    for module in MODULES:
        api.include_router(module.router)
    api.mount("/finance/static", static_files(), "finance-static")
    api.include_router(unknown.router)  # behind everything else
