"""The lists that can be exported, each read by the very function that answers its page, with the page's filters and reach."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import asdict
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.ids import RECONCILIATION, STATEMENT, number_of
from app.clearing import deduction, difference, order_list, payout_rate, reconciliation, statement
from app.clearing.payout_query import FUND
from app.exports.columns import OVERDUE_AMOUNT
from app.ledger import book
from app.registry import worklists
from app.service.caller import Caller, Service
from app.service.http import check_context, open_request
from app.service.wire import AreaCode, Code, Day
from app.settlement import balance
from app.settlement import store as settlements
from app.settlement.reading import answer_of_row
from app.tiers.model import Portions, Scope

PAGE_ROWS: Final = 1000
MAX_PATH: Final = 200
CLEARING: Final = ("hospital", "finance", "auditor")
LEDGER: Final = ("finance", "auditor")
REGISTRY: Final = ("registry", "finance", "auditor")

Rows = list[dict[str, Any]]
Pages = Callable[[Service, Caller, Any], AsyncIterator[Rows]]


class _Filters(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a list can be narrowed to, by the names of its page's query."""


class Nothing(_Filters):
    """No filter."""


class StatementFilters(_Filters):
    hospital_code: Code | None = None
    area_code: AreaCode | None = None
    period: Code | None = None
    state: Literal["declared", "reconciled", "audited", "approved", "settled", "withdrawn"] | None = None


class ItemFilters(_Filters):
    statement_id: Code
    fund: Code | None = None


class OrderFilters(_Filters):
    period: Code | None = None
    fund: Code | None = None
    hospital_code: Code | None = None
    area_code: AreaCode | None = None
    statement_id: Code | None = None
    state: (
        Literal["draft", "approved", "sent", "paid", "part_paid", "returned", "cancelled", "carried_forward"] | None
    ) = None
    overdue: bool | None = None


class ReleaseFilters(_Filters):
    hospital_code: Code | None = None
    area_code: AreaCode | None = None
    fund: Code | None = None
    year: int | None = None


class PrepaymentFilters(ReleaseFilters):
    state: Literal["draft", "approved", "sent", "paid", "part_paid", "offset", "returned", "cancelled"] | None = None


class ReconciliationFilters(_Filters):
    statement_id: Code | None = None


class EntryFilters(_Filters):
    account: Annotated[str, Meta(max_length=MAX_PATH)]
    as_of: Day | None = None


class DifferenceFilters(_Filters):
    state: difference.DifferenceState | None = None
    hospital_code: Code | None = None
    area_code: AreaCode | None = None
    fund: Code | None = None
    statement_id: Code | None = None
    reconciliation_id: Code | None = None


class DeductionFilters(_Filters):
    state: deduction.State | None = None
    statement_id: Code | None = None
    hospital_code: Code | None = None
    fund: Code | None = None


class BalanceFilters(_Filters):
    state: balance.State | None = None
    hospital_code: Code | None = None


class SettlementFilters(_Filters):
    hospital_code: Code | None = None
    person_id: Code | None = None
    visit_id: Code | None = None
    from_: Day | None = field(default=None, name="from")
    to: Day | None = None
    status: Literal["settled", "adjusted", "reversed"] | None = None


class RateFilters(_Filters):
    year: int
    as_of: Day | None = None
    fund: Code | None = None
    area_code: AreaCode | None = None
    hospital_code: Code | None = None
    group_by: Code = FUND


class ListFilters(_Filters):
    overdue: bool | None = None


class SpanFilters(_Filters):
    from_: Day | None = field(default=None, name="from")
    to: Day | None = None


@dataclass(frozen=True, slots=True)
class ExportList:
    """A list: its Chinese title, who reads it, what narrows it, the members of its rows, and its pages."""

    title: str
    scopes: tuple[str, ...]
    filters: type[_Filters]
    paths: tuple[str, ...]
    pages: Pages


# ---------------------------------------------------------------- lists that answer a page and a cursor


@dataclass(frozen=True, slots=True)
class _Reader:
    """What a page is read with."""

    service: Service
    connection: AsyncConnection
    caller: Caller
    cursor: str | None

    @property
    def page(self) -> dict[str, Any]:
        """The arguments that say which page."""
        return {"limit": PAGE_ROWS, "cursor": self.cursor}


Listed = Callable[[_Reader, Any], Awaitable[bytes]]


def _by_cursor(listed: Listed) -> Pages:
    """Page behind page, each in a transaction of its own: rows added meanwhile move nothing."""

    async def pages(service: Service, caller: Caller, wanted: Any) -> AsyncIterator[Rows]:
        cursor, more = None, True
        while more:
            async with service.database.transaction() as connection:
                await open_request(service, connection, caller)
                page = msgspec.json.decode(await listed(_Reader(service, connection, caller, cursor), wanted))
            yield page["data"]
            cursor = page["next_cursor"]
            more = cursor is not None

    return pages


async def _statements(by: _Reader, wanted: StatementFilters) -> bytes:
    return await statement.listed(by.service, by.connection, filters=asdict(wanted), **by.page)


async def _items(by: _Reader, wanted: ItemFilters) -> bytes:
    return await statement.items(by.service, by.connection, wanted.statement_id, fund=wanted.fund, **by.page)


async def _orders(by: _Reader, wanted: OrderFilters) -> bytes:
    filters = asdict(wanted)
    overdue = filters.pop("overdue")
    return await order_list.orders(by.service, by.connection, filters=filters, overdue=overdue, **by.page)


async def _prepayments(by: _Reader, wanted: PrepaymentFilters) -> bytes:
    return await order_list.prepayments(by.service, by.connection, filters=asdict(wanted), **by.page)


async def _releases(by: _Reader, wanted: ReleaseFilters) -> bytes:
    return await order_list.releases(by.service, by.connection, filters=asdict(wanted), **by.page)


async def _reconciliations(by: _Reader, wanted: ReconciliationFilters) -> bytes:
    return await reconciliation.listed(by.service, by.connection, statement_id=wanted.statement_id, **by.page)


async def _differences(by: _Reader, wanted: DifferenceFilters) -> bytes:
    filters = _numbered(wanted, statement_id=STATEMENT, reconciliation_id=RECONCILIATION)
    return await difference.listed(by.service, by.connection, filters=filters, **by.page)


async def _deductions(by: _Reader, wanted: DeductionFilters) -> bytes:
    filters = _numbered(wanted, statement_id=STATEMENT)
    state = filters.pop("state")
    return await deduction.listed(by.service, by.connection, state=state, filters=filters, **by.page)


def _numbered(wanted: Struct, **prefixes: str) -> dict[str, Any]:
    """The filters with shown ids as the numbers they stand for; NotFound for another form."""
    filters = asdict(wanted)
    known = {name: number_of(filters[name], prefix) for name, prefix in prefixes.items() if filters[name] is not None}
    return filters | known


async def _rates(by: _Reader, wanted: RateFilters) -> bytes:
    rows = await payout_rate.rates_of(by.service, by.connection, by.caller, **asdict(wanted))
    return msgspec.json.encode({"data": rows, "next_cursor": None})


# ---------------------------------------------------------------- lists that open their own transactions


async def _balances(service: Service, caller: Caller, wanted: BalanceFilters) -> AsyncIterator[Rows]:
    cursor, more = None, True
    while more:
        found = await balance.listed(service, caller, **asdict(wanted), limit=PAGE_ROWS, cursor=cursor)
        page = msgspec.json.decode(found)
        yield page["data"]
        cursor = page["next_cursor"]
        more = cursor is not None


async def _entries(service: Service, caller: Caller, wanted: EntryFilters) -> AsyncIterator[Rows]:
    cursor, more = None, True
    while more:
        found = await book.entries(service, caller, **asdict(wanted), limit=PAGE_ROWS, cursor=cursor)
        page = msgspec.json.decode(found)
        yield page["data"]
        cursor = page["next_cursor"]
        more = cursor is not None


async def _settlements(service: Service, caller: Caller, wanted: SettlementFilters) -> AsyncIterator[Rows]:
    after: tuple[Any, Any] = (None, None)
    asked = (wanted.hospital_code, wanted.person_id, wanted.visit_id, wanted.from_, wanted.to, wanted.status)
    while True:
        async with service.database.hot() as connection:
            await check_context(service, connection, caller)
            rows = await settlements.read_list(connection, *asked, *after, PAGE_ROWS)
        yield await asyncio.to_thread(_plain, (answer_of_row(row, detail=False) for row in rows))
        if len(rows) < PAGE_ROWS:
            return
        after = (rows[-1]["recorded_at"], rows[-1]["settlement_id"])


async def _lists(service: Service, caller: Caller, wanted: ListFilters) -> AsyncIterator[Rows]:
    before: int | None = None
    while True:
        rows, shown = await worklists.lists(service, caller, overdue=wanted.overdue, before=before, limit=PAGE_ROWS)
        yield _plain(shown[:PAGE_ROWS])
        if len(rows) <= PAGE_ROWS:
            return
        before = rows[PAGE_ROWS - 1]["job_id"]


async def _candidates(service: Service, caller: Caller, wanted: Nothing) -> AsyncIterator[Rows]:
    after: tuple[str, int] | None = None
    while True:
        rows, shown = await worklists.candidates(service, caller, after=after, limit=PAGE_ROWS)
        yield _plain(shown[:PAGE_ROWS])
        if len(rows) <= PAGE_ROWS:
            return
        after = (rows[PAGE_ROWS - 1]["person_id"], rows[PAGE_ROWS - 1]["benefit_year"])


async def _uninsured(service: Service, caller: Caller, wanted: Nothing) -> AsyncIterator[Rows]:
    after: str | None = None
    while True:
        rows, shown = await worklists.uninsured_poor(service, caller, after=after, limit=PAGE_ROWS)
        yield _plain(shown[:PAGE_ROWS])
        if len(rows) <= PAGE_ROWS:
            return
        after = rows[PAGE_ROWS - 1]["person_id"]


async def _unknown_codes(service: Service, caller: Caller, wanted: SpanFilters) -> AsyncIterator[Rows]:
    skip, more = 0, True
    while more:
        rows, shown = await worklists.unknown_codes(
            service, caller, since=wanted.from_, until=wanted.to, skip=skip, limit=PAGE_ROWS
        )
        yield _plain(shown[:PAGE_ROWS])
        skip, more = skip + PAGE_ROWS, len(rows) > PAGE_ROWS


def _plain(answers: Iterable[Struct]) -> Rows:
    return [msgspec.to_builtins(answer) for answer in answers]


# ---------------------------------------------------------------- the catalogue


OWNER: Final = ("hospital_code", "area_code")
PORTIONS: Final = tuple(f"portions.{name}" for name in Portions.__struct_fields__)
SCOPE: Final = tuple(f"scope.{name}" for name in Scope.__struct_fields__)

LISTS: Final[Mapping[str, ExportList]] = {
    "statements": ExportList(
        "申报单",
        CLEARING,
        StatementFilters,
        ("statement_id", *OWNER, "period", "state", "amount", "pay_by", "declared_at"),
        _by_cursor(_statements),
    ),
    "statement-items": ExportList(
        "申报明细",
        CLEARING,
        ItemFilters,
        (
            *("posting_id", "event", "settlement_id", "fund", "tier", "clr_type", "fiscal_year", "period"),
            *("business_date", "amount"),
        ),
        _by_cursor(_items),
    ),
    "disbursements": ExportList(
        "拨付单",
        CLEARING,
        OrderFilters,
        (
            *(
                "disbursement_id",
                "state",
                "kind",
                "statement_id",
                "release_id",
                *OWNER,
                "fund",
                "fiscal_year",
                "period",
            ),
            *("gross", "deposit_rate", "deposit", "offset", "carried", "amount", "paid", "unpaid", "due_on", "overdue"),
            *("created_by", "created_on", "approved_by", "approved_on", "sent_by", "sent_on", "paid_on", "taken_by"),
        ),
        _by_cursor(_orders),
    ),
    "prepayments": ExportList(
        "预付单",
        CLEARING,
        PrepaymentFilters,
        (
            *("prepayment_id", "state", *OWNER, "fund", "year", "amount", "paid", "offset", "returned", "outstanding"),
            *("created_by", "created_on", "approved_by", "approved_on", "sent_by", "sent_on"),
        ),
        _by_cursor(_prepayments),
    ),
    "deposit-releases": ExportList(
        "质量保证金清算",
        CLEARING,
        ReleaseFilters,
        (
            *(
                "release_id",
                "state",
                *OWNER,
                "fund",
                "year",
                "deposit",
                "assessed_ratio",
                "amount",
                "forfeited",
                "reason",
            ),
            *("disbursement_id", "created_by", "created_on", "approved_by", "approved_on"),
        ),
        _by_cursor(_releases),
    ),
    "reconciliations": ExportList(
        "对账",
        CLEARING,
        ReconciliationFilters,
        ("reconciliation_id", "statement_id", "basis", "result", "within_grace", "compared_at", *OWNER, "subject"),
        _by_cursor(_reconciliations),
    ),
    "differences": ExportList(
        "对账差异",
        CLEARING,
        DifferenceFilters,
        (
            *("difference_id", "reconciliation_id", "statement_id", "type", "settlement_id", "their_reference", "fund"),
            *("ours", "theirs", "ours_count", "theirs_count", "state", *OWNER, "opened_on", "age_days"),
            *("resolution", "resolved_by", "resolved_on"),
        ),
        _by_cursor(_differences),
    ),
    "deductions": ExportList(
        "审核扣款",
        CLEARING,
        DeductionFilters,
        (
            *(
                "deduction_id",
                "statement_id",
                "settlement_id",
                "line_no",
                *OWNER,
                "fund",
                "fiscal_year",
                "amount",
                "upheld",
            ),
            *("reason_code", "reason", "state", "proposed_on", "subject", "appeal_by", "appealed_on", "appealed_by"),
            *("appeal_reason", "outcome", "decision_reason", "decided_by", "decided_on"),
        ),
        _by_cursor(_deductions),
    ),
    "patient-balances": ExportList(
        "个人往来",
        CLEARING,
        BalanceFilters,
        (
            *("balance_id", "settlement_id", "person_id", "hospital_code", "amount", "direction", "state"),
            *("opened_at", "paid_on", "reference"),
        ),
        _balances,
    ),
    "settlements": ExportList(
        "结算",
        CLEARING,
        SettlementFilters,
        (
            *(
                "settlement_id",
                "kind",
                "status",
                "settled_at",
                "benefit_year",
                "hospital_code",
                "visit_id",
                "settle_seq",
            ),
            *("person_id", "benefit_class", "medical_type", "admitted_on", "discharged_on", "interim", "paid_by"),
            *(
                "paying_area",
                "out_of_area",
                "total",
                *SCOPE,
                *PORTIONS,
                "fund_total",
                "payable_adjustment",
                "recoverable",
            ),
            *("of_settlement_id", "reason", "policy.pack", "policy.version", "result_digest"),
        ),
        _settlements,
    ),
    "payout-rates": ExportList(
        "拨付率",
        CLEARING,
        RateFilters,
        (
            *(
                "fund",
                *OWNER,
                "period",
                "year",
                "as_of",
                "incurred",
                "deductions",
                "payable",
                "due",
                "disbursed",
                "cash",
            ),
            *("offset", "year_end_offset", "incurred_ratio", "final_ratio", "final_paid", "final_payable"),
            *("matured_ratio", "disbursed_of_due", "projected_ratio", "scheduled", "expected", "projection", "floor"),
            *("statutory", "required", OVERDUE_AMOUNT, "deposit"),
        ),
        _by_cursor(_rates),
    ),
    "ledger-entries": ExportList(
        "科目分录",
        LEDGER,
        EntryFilters,
        (
            *("transfer_id", "event", "business_date", "recorded_at", "debit", "credit", "balance", "other_account"),
            *("settlement_id", "statement_id", "cause", "fund", "tier", "clr_type", "hospital_code", "period"),
            *("benefit_year", "fiscal_year", "subject", "request_id"),
        ),
        _entries,
    ),
    "registry-lists": ExportList(
        "贫困人口名单",
        REGISTRY,
        ListFilters,
        ("job_id", "kind", "state", "area_code", "received_on", "due_on", "completed_at", "overdue", "summary"),
        _lists,
    ),
    "uninsured-poor": ExportList(
        "未参保贫困人口",
        REGISTRY,
        Nothing,
        (
            *("person_id", "area_code", "class_since", "exited_on", "insured_from", "insured_until"),
            "premium_subsidy",
        ),
        _uninsured,
    ),
    "readjudication-candidates": ExportList(
        "待重算人员年度", REGISTRY, Nothing, ("person_id", "year", "reason", "since"), _candidates
    ),
    "unknown-codes": ExportList(
        "目录外编码",
        REGISTRY,
        SpanFilters,
        ("item_code", "name", "lines", "settlements", "hospitals", "amount", "proposed_item_code"),
        _unknown_codes,
    ),
}
