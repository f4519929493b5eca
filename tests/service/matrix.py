"""Every operation of ``openapi.yaml`` as the matrix of reach asks it: with which body, about whose things.

A path or body names things by the parameters of the paths: ``{statement_id}`` is filled with the id of a thing that is
not the caller's, or with one that nothing has.
"""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Operation:
    """How an operation is asked.

    ``public``: without any token. ``shared``: what it reads is everybody's with a token. ``own``: it makes something of
    the caller's own, and why that is nobody else's concern; strangers don't send it. ``no_fund``: it concerns no fund's
    money, so whoever acts for one fund may. ``seen``: whoever acts for one fund sees the thing, and may be told of its
    state. ``known``: that the thing exists is no secret (a hospital's), so what is said of an absent one may differ.
    ``listed``: it answers a list, which is empty for strangers. ``of_hospitals``: any hospital reads it, as anybody may
    fall ill anywhere. ``national``: its callers are told by a signature, not by a token.
    """

    body: Any = None
    query: str = ""
    public: bool = False
    shared: bool = False
    own: str = ""
    no_fund: bool = False
    seen: bool = False
    known: bool = False
    listed: bool = False
    of_hospitals: bool = False
    national: bool = False
    content_type: str = "application/json"


REASON: Final = {"reason": "x"}
PAID: Final = {"amount": "1.00", "paid_on": "2018-07-02", "bank_reference": "B-{settlement_id}"}
RETURNED: Final = {"amount": "1.00", "returned_on": "2018-07-02", "bank_reference": "R-{settlement_id}", "reason": "x"}
LINE: Final = {
    "line_no": 1,
    "item_code": "{item_code}",
    "name": "x",
    "quantity": "1",
    "unit_price": "25.00",
    "amount": "25.00",
    "charged_at": "2018-05-20T09:30:00+08:00",
}
BILL: Final = {
    "hospital_code": "{code}",
    "visit_id": "new-{visit_id}",
    "person_id": "{person_id}",
    "insurance_type": "390",
    "medical_type": "21",
    "admitted_on": "2018-05-20",
    "discharged_on": "2018-05-20",
    "diagnoses": [{"code": "I63.900", "name": "x", "main": True}],
    "referral": "compliant",
    "lines": [LINE],
    "total": "25.00",
}
PERSON: Final = {
    "name": "李某",
    "id_number": "{id_number}",
    "area_code": "530127",
    "insurance_type": "390",
    "identities": [],
}
NATIONAL: Final = {"infno": "1101", "msgid": "{msgid}", "fixmedins_code": "{code}", "input": {}}
MONTH: Final = {"area_code": "{area_code}"}
ITEM: Final = {"name": "x", "kind": "drug", "class": "A", "first_pay_ratio": "0", "valid_from": "2018-01-01"}
ACCOUNT: Final = {"bank_account": {"bank_name": "x", "account_name": "x", "account_number": "6228480012345678"}}
OWN_EXPORT: Final = "a job of the caller's own, over what they see"
OWN_ROWS: Final = "each row is refused by itself (tests/clearing/test_batches.py)"
OWN_RECEIPT: Final = "what a file says of another's order is unknown (tests/clearing/test_payment_batches.py)"
OWN_ENTRY: Final = "an entry of the caller's own area (tests/registry/test_catalogue_owner.py)"

OPERATIONS: Final[dict[str, Operation]] = {
    "POST /v1/quotes": Operation(BILL, no_fund=True, known=True),
    "POST /v1/settlements": Operation(BILL, known=True),
    "GET /v1/settlements": Operation(),
    "POST /v1/settlements/{settlement_id}/reversal": Operation(REASON),
    "POST /v1/settlements/{settlement_id}/refunds": Operation(
        {"lines": [{"line_no": 1, "quantity": "1"}], "reason": "x"}
    ),
    "POST /v1/settlements/{settlement_id}/recovery": Operation({"reason": "x", "document": "x"}),
    "POST /v1/persons/{person_id}/years/{year}/readjudication": Operation(REASON | {"dry_run": False}, no_fund=True),
    "POST /v1/settlements/{settlement_id}/replay": Operation(no_fund=True),
    "GET /v1/patient-balances": Operation(no_fund=True),
    "POST /v1/patient-balances/{balance_id}/closing": Operation({"state": "waived"}, no_fund=True),
    "GET /v1/settlements/{settlement_id}": Operation(no_fund=True),
    "GET /v1/settlements/by-visit/{hospital_code}/{visit_id}/{settle_seq}": Operation(no_fund=True),
    "GET /v1/settlements/{settlement_id}/slip": Operation(no_fund=True),
    "GET /v1/persons/{person_id}/years/{year}": Operation(no_fund=True, of_hospitals=True),
    "POST /v1/clearing/statements": Operation(
        {"hospital_code": "{code}", "period": "2018-06", "area_code": "{area_code}"}, known=True, seen=True
    ),
    "GET /v1/clearing/statements": Operation(),
    "GET /v1/clearing/statements/{statement_id}": Operation(no_fund=True),
    "GET /v1/clearing/statements/{statement_id}/items": Operation(no_fund=True),
    "GET /v1/clearing/statements/{statement_id}/payer-file": Operation(query="fund=390100"),
    "POST /v1/clearing/statements/{statement_id}/withdrawal": Operation(REASON),
    "POST /v1/clearing/statements/{statement_id}/approval": Operation({}),
    "POST /v1/clearing/reconciliations": Operation({"statement_id": "{statement_id}", "totals": []}),
    "GET /v1/clearing/reconciliations": Operation(),
    "GET /v1/clearing/reconciliations/{reconciliation_id}": Operation(no_fund=True),
    "GET /v1/clearing/differences": Operation(),
    "POST /v1/clearing/differences/{difference_id}/resolution": Operation(REASON),
    "POST /v1/clearing/reconciliations/{reconciliation_id}/differences/{difference_id}/resolution": Operation(REASON),
    "POST /v1/clearing/statements/{statement_id}/deductions": Operation(
        {"settlement_id": "{declared_id}", "fund": "390100", "amount": "1.00", "reason_code": "A", "reason": "x"}
    ),
    "POST /v1/clearing/deductions/{deduction_id}/acceptance": Operation(),
    "POST /v1/clearing/deductions/{deduction_id}/appeal": Operation(REASON),
    "POST /v1/clearing/deductions/{deduction_id}/decision": Operation({"outcome": "upheld", "reason": "x"}),
    "GET /v1/clearing/deductions": Operation(),
    "GET /v1/clearing/deductions/{deduction_id}": Operation(),
    "POST /v1/clearing/statements/{statement_id}/samples": Operation({"size": 1}, no_fund=True),
    "GET /v1/clearing/statements/{statement_id}/samples": Operation(no_fund=True),
    "POST /v1/clearing/statements/{statement_id}/audit": Operation(),
    "POST /v1/clearing/statements/batch": Operation({"action": "approval", "ids": ["{statement_id}"]}, own=OWN_ROWS),
    "POST /v1/fiscal-months/{period}/closing": Operation({"mode": "soft"} | MONTH, known=True),
    "POST /v1/fiscal-months/{period}/reopening": Operation(REASON | MONTH, known=True),
    "GET /v1/fiscal-months": Operation(),
    "GET /v1/fiscal-months/{period}": Operation(query="area_code={area_code}", no_fund=True, known=True),
    "GET /v1/clearing/due": Operation(query="area_code={area_code}", no_fund=True, known=True),
    "POST /v1/disbursements/batch": Operation({"action": "approval", "ids": ["{disbursement_id}"]}, own=OWN_ROWS),
    "POST /v1/claims/batch": Operation({"action": "approval", "ids": ["{claim_id}"]}, own=OWN_ROWS),
    "POST /v1/prepayments/batch": Operation({"action": "approval", "ids": ["{prepayment_id}"]}, own=OWN_ROWS),
    "POST /v1/disbursements": Operation({"statement_id": "{statement_id}", "fund": "390100"}),
    "GET /v1/disbursements": Operation(),
    "GET /v1/disbursements/{disbursement_id}": Operation(),
    "GET /v1/disbursements/{disbursement_id}/remittance-advice": Operation(),
    "POST /v1/disbursements/{disbursement_id}/approval": Operation(),
    "POST /v1/disbursements/{disbursement_id}/cancellation": Operation(REASON),
    "POST /v1/disbursements/{disbursement_id}/sending": Operation(),
    "POST /v1/disbursements/{disbursement_id}/document-number": Operation({"document_number": "〔2018〕4号"}),
    "POST /v1/disbursements/{disbursement_id}/payments": Operation(PAID),
    "POST /v1/disbursements/{disbursement_id}/returns": Operation(RETURNED),
    "POST /v1/carries/{disbursement_id}/repayments": Operation(PAID),
    "POST /v1/payment-batches": Operation(
        {"order_ids": ["{disbursement_id}"], "paying_account": ACCOUNT["bank_account"]}
    ),
    "GET /v1/payment-batches": Operation(listed=True),
    "GET /v1/payment-batches/{batch_id}": Operation(),
    "POST /v1/payment-batches/{batch_id}/approval": Operation(),
    "POST /v1/payment-batches/{batch_id}/cancellation": Operation(REASON),
    "POST /v1/payment-batches/{batch_id}/not-executed": Operation({"order_id": "{disbursement_id}", "reason": "x"}),
    "POST /v1/payment-batches/{batch_id}/document-number": Operation({"document_number": "〔2018〕4号"}),
    "GET /v1/payment-batches/{batch_id}/file": Operation(),
    "POST /v1/bank-receipts": Operation("x\n1\n", own=OWN_RECEIPT, content_type="text/csv"),
    "GET /v1/bank-receipts": Operation(listed=True),
    "GET /v1/bank-receipts/{receipt_id}": Operation(),
    "POST /v1/bank-receipts/{receipt_id}/rows/{row_no}/closing": Operation(REASON),
    "POST /v1/prepayments": Operation(
        {"hospital_code": "{code}", "area_code": "{area_code}", "fund": "390100", "amount": "1.00", "year": 2018},
        known=True,
    ),
    "GET /v1/prepayments": Operation(),
    "GET /v1/prepayments/{prepayment_id}": Operation(),
    "POST /v1/prepayments/{prepayment_id}/approval": Operation(),
    "POST /v1/prepayments/{prepayment_id}/cancellation": Operation(REASON),
    "POST /v1/prepayments/{prepayment_id}/sending": Operation(),
    "POST /v1/prepayments/{prepayment_id}/payments": Operation(PAID),
    "POST /v1/prepayments/{prepayment_id}/returns": Operation(RETURNED),
    "POST /v1/deposit-releases": Operation(
        {
            "hospital_code": "{code}",
            "area_code": "{area_code}",
            "fund": "390100",
            "year": 2018,
            "assessed_ratio": "1",
            "reason": "x",
        },
        known=True,
    ),
    "GET /v1/deposit-releases": Operation(),
    "POST /v1/deposit-releases/{release_id}/approval": Operation(),
    "POST /v1/deposit-releases/{release_id}/cancellation": Operation(REASON),
    "GET /v1/claims": Operation(),
    "GET /v1/claims/{claim_id}": Operation(),
    "POST /v1/claims/{claim_id}/approval": Operation(),
    "POST /v1/claims/{claim_id}/cancellation": Operation(REASON),
    "POST /v1/claims/{claim_id}/sending": Operation(),
    "POST /v1/claims/{claim_id}/payments": Operation(PAID),
    "POST /v1/claims/{claim_id}/returns": Operation(RETURNED),
    "GET /v1/claims/{claim_id}/slip": Operation(),
    "POST /v1/claims/{claim_id}/repayments": Operation(PAID),
    "POST /v1/claims/{claim_id}/deductions": Operation({"amount": "1.00", "reason_code": "A", "reason": "x"}),
    "PUT /v1/persons/{person_id}/bank-account": Operation(ACCOUNT, no_fund=True),
    "GET /v1/persons/{person_id}/bank-account": Operation(no_fund=True),
    "POST /v1/bank-account-changes/{change_id}/approval": Operation(no_fund=True),
    "GET /v1/payout-rates": Operation(query="year=2018"),
    "POST /v1/fiscal-years/{year}/closing": Operation(MONTH, known=True),
    "GET /v1/fiscal-years/{year}/closing": Operation(listed=True),
    "POST /v1/fiscal-years/{year}/exceptions": Operation({"fund": "390100", "reason": "x"} | MONTH, known=True),
    "GET /v1/fiscal-years/{year}/exceptions": Operation(listed=True),
    "POST /v1/exceptions/{exception_id}/approval": Operation(),
    # Whether sending is held back is every office's to know; who checked covers what is their own.
    "POST /v1/bank-checks": Operation(
        {"checked_until": "2018-07-02"}, own="a check of the caller's own area and funds"
    ),
    "GET /v1/bank-checks": Operation(shared=True),
    "POST /v1/bank-checks/{check_id}/approval": Operation(no_fund=True),
    "GET /v1/reports/monthly": Operation(query="period=2018-05&area_code={area_code}", no_fund=True, known=True),
    "GET /v1/reports/monthly/due": Operation(query="area_code={area_code}", no_fund=True, known=True),
    "POST /v1/reports/monthly/{period}/submission": Operation(MONTH, known=True),
    "POST /v1/reports/monthly/{period}/approval": Operation(MONTH, known=True),
    "GET /v1/ledger/trial-balance": Operation(),
    "GET /v1/ledger/entries": Operation(query="account=area:{area_code}/fund:390100/expense"),
    "GET /v1/ledger/accounts": Operation(),
    "POST /v1/registry/imports": Operation(
        "x\n1\n", query="area_code={area_code}", known=True, no_fund=True, content_type="text/csv"
    ),
    "POST /v1/catalogue/imports": Operation("x\n1\n", own=OWN_ENTRY, content_type="text/csv"),
    "GET /v1/catalogue/unknown-codes": Operation(no_fund=True),
    "GET /v1/registry/lists": Operation(no_fund=True),
    "GET /v1/registry/readjudication-candidates": Operation(no_fund=True),
    "POST /v1/readjudications": Operation(REASON | MONTH, known=True),
    "GET /v1/readjudications": Operation(),
    "GET /v1/readjudications/{readjudication_id}": Operation(),
    "GET /v1/readjudications/{readjudication_id}/rows": Operation(),
    "POST /v1/readjudications/{readjudication_id}/approval": Operation(),
    "POST /v1/readjudications/{readjudication_id}/stop": Operation(REASON),
    "POST /v1/readjudications/{readjudication_id}/resumption": Operation(),
    "POST /v1/readjudications/{readjudication_id}/cancellation": Operation(REASON),
    "GET /v1/registry/uninsured-poor": Operation(no_fund=True),
    "PUT /v1/persons/{person_id}": Operation(PERSON, no_fund=True, known=True),
    "GET /v1/persons/{person_id}": Operation(no_fund=True, of_hospitals=True),
    "PUT /v1/catalogue/{item_code}": Operation(ITEM, own=OWN_ENTRY),
    "GET /v1/catalogue/{item_code}": Operation(shared=True),
    "PUT /v1/hospitals/{code}": Operation(
        {"name": "x", "level": 1, "rank": "township", "area_code": "530127"}, no_fund=True, known=True
    ),
    "GET /v1/hospitals/{code}": Operation(shared=True),
    "GET /v1/hospitals": Operation(shared=True),
    "PUT /v1/hospitals/{code}/gateway": Operation({"profile": "none"}, no_fund=True),
    "GET /v1/hospitals/{code}/gateway": Operation(no_fund=True),
    "POST /v1/gateway-changes/{gateway_change_id}/approval": Operation(no_fund=True),
    "PUT /v1/hospitals/{code}/item-codes/{hospital_item_code}": Operation({"item_code": "{item_code}"}, no_fund=True),
    "GET /v1/hospitals/{code}/item-codes/{hospital_item_code}": Operation(no_fund=True),
    "PUT /v1/areas/{area_code}": Operation({"name": "x"}, no_fund=True),
    "GET /v1/areas/{area_code}": Operation(shared=True),
    "PUT /v1/persons/{person_id}/chronic-registrations/{disease_code}": Operation({"from": "2018-01-01"}, no_fund=True),
    "GET /v1/persons/{person_id}/chronic-registrations/{disease_code}": Operation(no_fund=True, of_hospitals=True),
    "GET /v1/persons/{person_id}/chronic-registrations": Operation(no_fund=True, of_hospitals=True),
    "PUT /v1/family-doctor/contracts/{contract_id}": Operation(
        {"person_id": "{person_id}", "hospital_code": "{code}", "from": "2018-01-01"}, no_fund=True, known=True
    ),
    "GET /v1/family-doctor/contracts/{contract_id}": Operation(no_fund=True, of_hospitals=True),
    "GET /v1/jobs/{job_id}": Operation(no_fund=True),
    "GET /v1/jobs/{job_id}/result": Operation(no_fund=True),
    "POST /v1/jobs/{job_id}/acceptance": Operation(no_fund=True),
    "POST /v1/jobs/{job_id}/cancellation": Operation(no_fund=True),
    "GET /v1/exports": Operation(shared=True),
    "POST /v1/exports": Operation({"list": "settlements"}, own=OWN_EXPORT),
    "GET /v1/exports/{list}": Operation(shared=True),
    "GET /v1/policies": Operation(shared=True),
    "GET /v1/policies/{pack}": Operation(query="on=2018-05-12", shared=True),
    "POST /v1/simulations": Operation(
        {"pack": "{pack}", "reform": "x", "from": "2018-01-01", "to": "2018-12-31"},
        own="a job of the caller's own, over what their funds pay (tests/reform/test_simulations.py)",
    ),
    "POST /v1/policies/{pack}/check": Operation({"text": "x"}, own="a text of the caller's own; nothing is kept"),
    "POST /v1/tokens": Operation({"subject": "x", "scopes": ["admin"]}, no_fund=True),
    "GET /v1/tokens": Operation(no_fund=True),
    "DELETE /v1/tokens/{token_id}": Operation(no_fund=True),
    "POST /v1/tokens/{token_id}/rotation": Operation({"overlap_hours": 1}, no_fund=True),
    "POST /fsi/api/rsfComIfsService/callService": Operation(NATIONAL, national=True),
    "POST /fsi/api/rsfComIfsService/callService/{infno}": Operation(NATIONAL, national=True),
    "POST /nhsa/{infno}": Operation(NATIONAL, national=True),
    "GET /livez": Operation(public=True),
    "GET /readyz": Operation(public=True),
    "GET /version": Operation(public=True),
    "GET /metrics": Operation(public=True),
    # Who asks in vain stands in it with what they asked for; whose rows one sees: tests/service/test_audit_log.py.
    "GET /v1/audit-log": Operation(shared=True),
    "GET /v1/ledger/seal-findings": Operation(shared=True),
    "POST /v1/ledger/seal-findings/{finding_id}/acknowledgements": Operation(REASON, no_fund=True),
    "POST /v1/ledger/seal-acknowledgements/{acknowledgement_id}/approval": Operation(no_fund=True),
    "GET /v1/clock": Operation(shared=True),
    "PUT /v1/clock": Operation({"now": "2019-01-01T10:00:00+08:00"}, no_fund=True),
    "POST /v1/users": Operation({"name": "xiao", "password": "a long password 1", "scopes": ["admin"]}, no_fund=True),
    "POST /v1/users/{name}/password": Operation({"password": "a long password 1"}, no_fund=True),
    "POST /v1/users/{name}/disabling": Operation(no_fund=True),
    "POST /v1/users/{name}/second-factor-reset": Operation(no_fund=True),
}
