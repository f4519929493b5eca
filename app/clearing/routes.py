"""The routes of clearing, in the order of the interface's description."""

from typing import Final

from fastapi import APIRouter

from app.clearing import (
    api,
    bank_check_api,
    batch_api,
    claim_api,
    deduction_api,
    disbursement_api,
    month_api,
    payment_batch_api,
    rates_api,
    reconciliation_api,
    report_api,
)

CLEARING_ROUTES: Final[tuple[APIRouter, ...]] = tuple(
    module.router
    for module in (
        api,
        reconciliation_api,
        deduction_api,
        month_api,
        batch_api,
        disbursement_api,
        payment_batch_api,
        claim_api,
        rates_api,
        report_api,
        bank_check_api,
    )
)
