"""A bill as it comes in over HTTP, and what the core makes of it."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, structs

from app.basics.days import shanghai_day
from app.basics.money import MONEY_PATTERN, PRICE_PATTERN, QUANTITY_PATTERN, parsed
from app.service.look import SIMPLE_CODE, Look
from app.service.wire import Code, Day, Instant, Money, Name, Price, Quantity, SignedMoney, look_at
from app.tiers.model import Approved, Bill, DeliveryMode, Line, MedicalType, Referral, WorkInjury

MAX_LINES: Final = 10_000
MAX_NUMBER: Final = 2_147_483_647

LineNo = Annotated[int, Meta(ge=1, le=MAX_NUMBER)]


class Diagnosis(Struct, forbid_unknown_fields=True):
    """A diagnosis by its ICD code; stored, not used for money."""

    code: Code
    name: Name | None = None
    main: bool = False


class VisitRef(Struct, forbid_unknown_fields=True):
    """A visit at a hospital."""

    hospital_code: Code
    visit_id: Code


class BillLine(Struct, forbid_unknown_fields=True):
    """One line: amounts in yuan as strings; a refund line is negative and names the line that it refunds."""

    line_no: LineNo
    item_code: Code
    quantity: Quantity
    unit_price: Price
    amount: SignedMoney
    charged_at: Instant
    name: Name | None = None
    hospital_item_code: Code | None = None
    approved: Approved = False
    refund_of_line_no: LineNo | None = None


class BillRequest(Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/quotes`` and ``POST /v1/settlements`` (docs/specification/api.md, section 3)."""

    hospital_code: Code
    visit_id: Code
    person_id: Code
    insurance_type: Code
    medical_type: MedicalType
    admitted_on: Day
    discharged_on: Day
    referral: Referral
    lines: Annotated[list[BillLine], Meta(min_length=1, max_length=MAX_LINES)]
    total: SignedMoney
    settle_seq: Annotated[int, Meta(ge=1, le=MAX_NUMBER)] = 1
    interim: bool = False
    diagnoses: Annotated[list[Diagnosis], Meta(max_length=100)] = []
    disease_code: Code | None = None
    delivery_mode: DeliveryMode | None = None
    transfer_from: VisitRef | None = None
    work_injury: WorkInjury = "none"
    paid_by: Literal["hospital", "patient"] = "hospital"
    quote_id: Annotated[str, Meta(max_length=2000)] | None = None
    expected_patient: Money | None = None


class _LineInOneLook(BillLine, forbid_unknown_fields=True):
    """A line whose texts are checked together with those of the other lines."""

    line_no: LineNo
    item_code: str
    quantity: str
    unit_price: str
    amount: str
    charged_at: Instant
    name: Name | None = None
    hospital_item_code: str | None = None
    approved: Approved = False
    refund_of_line_no: LineNo | None = None


class _BillInOneLook(BillRequest, forbid_unknown_fields=True):
    """A bill whose lines are checked together."""

    lines: Annotated[list[_LineInOneLook], Meta(min_length=1, max_length=MAX_LINES)]  # type: ignore[assignment]


look_at(
    BillRequest,
    Look(
        _BillInOneLook,
        "lines",
        {
            "item_code": SIMPLE_CODE,
            "quantity": QUANTITY_PATTERN,
            "unit_price": PRICE_PATTERN,
            "amount": MONEY_PATTERN,
            "hospital_item_code": SIMPLE_CODE,
        },
    ),
)


def core_bill(request: BillRequest) -> Bill:
    """The bill in fen and days, as the core computes it. The wire patterns were checked when it was decoded."""
    return Bill(
        medical_type=request.medical_type,
        admitted_on=request.admitted_on,
        discharged_on=request.discharged_on,
        disease_code=request.disease_code,
        delivery_mode=request.delivery_mode,
        referral=request.referral,
        work_injury=request.work_injury,
        total=parsed(request.total, 2),
        paid_by_patient=request.paid_by == "patient",
        lines=tuple(
            [
                Line(
                    line.line_no,
                    line.item_code,
                    parsed(line.quantity, 4),
                    parsed(line.unit_price, 6),
                    parsed(line.amount, 2),
                    shanghai_day(line.charged_at),
                    line.approved,
                    line.refund_of_line_no,
                )
                for line in request.lines
            ]
        ),
    )


def essential(request: BillRequest) -> BillRequest:
    """The bill without what only guards its submission (the quote and the expected amount)."""
    if request.quote_id is None and request.expected_patient is None:
        return request
    return structs.replace(request, quote_id=None, expected_patient=None)
