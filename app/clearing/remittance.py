"""What a payment pays, down to settlements: allocations of an order that sum to its amounts to the fen.

Each amount of an order is spread over the settlements of its part in proportion to what was approved for each, rounded
down, and the fen left over go to the largest remainders. The pure part is ``allocated``."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import NotFound
from app.basics.ids import DISBURSEMENT, SETTLEMENT, number_of, shown_id
from app.basics.money import yuan
from app.clearing import bank
from app.clearing.bank import MovementAnswer
from app.clearing.moves import StoredRow
from app.clearing.tables import disbursement


class AllocationAnswer(Struct):
    """One settlement's share of an order; yuan. ``approved`` = declared − deducted; ``paid`` so far and ``unpaid`` are
    what is left of it after deposit, offset and what was carried. ``settlement_id`` null: family doctor fees."""

    settlement_id: str | None
    visit_id: str | None
    settle_seq: int | None
    declared: str
    deducted: str
    approved: str
    deposit: str
    offset: str
    carried: str
    paid: str
    unpaid: str


class RemittanceAnswer(Struct):
    """The advice of an order: its sums, the bank's movements, and each settlement's share."""

    disbursement_id: str
    hospital_code: str
    area_code: str
    fund: str
    fiscal_year: int
    period: str
    declared: str
    deducted: str
    approved: str
    deposit: str
    offset: str
    carried: str
    paid: str
    unpaid: str
    movements: list[MovementAnswer]
    settlements: list[AllocationAnswer]


def allocated(amount: int, weights: Sequence[int]) -> list[int]:
    """``amount`` in proportion to ``weights`` (their sum positive; single ones may be negative), by largest remainder.

    The shares sum to ``amount`` exactly; of equal remainders the earlier one gets the fen.
    """
    whole = sum(weights)
    shares = [amount * weight // whole for weight in weights]
    remainders = [(-(amount * weight % whole), index) for index, weight in enumerate(weights)]
    for _, index in sorted(remainders)[: amount - sum(shares)]:
        shares[index] += 1
    return shares


_OF_STATEMENT: Final = text(
    """WITH declared AS (
         SELECT coalesce(e.of_settlement_id, e.settlement_id) AS settlement_id,
                sum(CASE WHEN c.kind = 'payable' THEN t.amount ELSE -t.amount END)::bigint AS declared
           FROM statement_item i JOIN transfer t USING (transfer_id) JOIN account c ON c.account_id = t.credit_account
           LEFT JOIN settlement e ON e.settlement_id = t.settlement_id
          WHERE i.statement_id = :statement AND t.fund = :fund AND t.fiscal_year = :year GROUP BY 1),
       deducted AS (
         SELECT d.settlement_id, sum(d.upheld)::bigint AS deducted FROM deduction d
          WHERE d.statement_id = :statement AND d.fund = :fund AND d.fiscal_year = :year AND d.upheld > 0 GROUP BY 1)
       SELECT settlement_id, s.visit_id, s.settle_seq, coalesce(declared, 0) AS declared, coalesce(deducted,
         0) AS deducted
         FROM declared FULL JOIN deducted USING (settlement_id) LEFT JOIN settlement s USING (settlement_id)
        ORDER BY settlement_id NULLS LAST"""
)
_DEPOSITS: Final = text(
    """SELECT d.* FROM disbursement d
        WHERE d.released_by = :release
        ORDER BY d.disbursement_id"""
)


async def advice(connection: AsyncConnection, shown: str) -> RemittanceAnswer:
    """The advice of an order within reach."""
    wanted = select(disbursement).where(disbursement.c.disbursement_id == number_of(DISBURSEMENT, shown))
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    parts = await _parts(connection, row)
    settlements = _allocations(row, parts)
    return RemittanceAnswer(
        disbursement_id=shown,
        hospital_code=row["hospital_code"],
        area_code=row["area_code"],
        fund=row["fund"],
        fiscal_year=row["fiscal_year"],
        period=row["period"],
        declared=yuan(sum(part["declared"] for part in parts)),
        deducted=yuan(sum(part["deducted"] for part in parts)),
        approved=yuan(row["gross"]),
        deposit=yuan(row["deposit"]),
        offset=yuan(row["offset_amount"]),
        carried=yuan(row["carried"]),
        paid=yuan(row["paid"]),
        unpaid=yuan(max(0, row["amount"]) - row["paid"]),
        movements=await bank.movements(connection, shown, row["disbursement_id"]),
        settlements=settlements,
    )


async def _parts(connection: AsyncConnection, row: RowMapping) -> list[StoredRow]:
    """What the settlements of an order were declared and deducted with; of a release, what was withheld from each."""
    if row["statement_id"] is not None:
        return await _of_statement(connection, row)
    withheld: dict[int | None, StoredRow] = {}
    for order in (await connection.execute(_DEPOSITS, {"release": row["release_id"]})).mappings().all():
        parts = await _of_statement(connection, order)
        for part, deposit in zip(parts, allocated(order["deposit"], [_approved(item) for item in parts]), strict=True):
            known = withheld.setdefault(part["settlement_id"], part | {"declared": 0, "deducted": 0})
            known["declared"] += deposit
    parts = list(withheld.values())
    for part, kept in zip(parts, allocated(row["gross"], [item["declared"] for item in parts]), strict=True):
        part["deducted"] = part["declared"] - kept
    return parts


async def _of_statement(connection: AsyncConnection, row: RowMapping) -> list[StoredRow]:
    values = {"statement": row["statement_id"], "fund": row["fund"], "year": row["fiscal_year"]}
    return [dict(part) for part in (await connection.execute(_OF_STATEMENT, values)).mappings()]


def _approved(part: StoredRow) -> int:
    return int(part["declared"] - part["deducted"])


def _allocations(row: RowMapping, parts: Sequence[StoredRow]) -> list[AllocationAnswer]:
    weights = [_approved(part) for part in parts]
    unpaid = max(0, row["amount"]) - row["paid"]
    amounts = (row["deposit"], row["offset_amount"], row["carried"], row["paid"], unpaid)
    columns = _columns(amounts, weights) if sum(weights) > 0 else [[0] * len(parts) for _ in amounts]
    answers = []
    for part, weight, deposit, offset, carried, paid, left in zip(parts, weights, *columns, strict=True):
        answers.append(
            AllocationAnswer(
                settlement_id=None if part["settlement_id"] is None else shown_id(SETTLEMENT, part["settlement_id"]),
                visit_id=part["visit_id"],
                settle_seq=part["settle_seq"],
                declared=yuan(part["declared"]),
                deducted=yuan(part["deducted"]),
                approved=yuan(weight),
                deposit=yuan(deposit),
                offset=yuan(offset),
                carried=yuan(carried),
                paid=yuan(paid),
                unpaid=yuan(left),
            )
        )
    return answers


def _columns(amounts: Sequence[int], weights: Sequence[int]) -> list[list[int]]:
    """Each amount spread over the weights so that rows add up too: column sums are the amounts, row sums the weights.

    Spreads the running total of the amounts and takes differences; the last running total is the whole weight itself.
    """
    columns, before, total = [], [0] * len(weights), 0
    for amount in amounts:
        total += amount
        spread = allocated(total, weights)
        columns.append([now - then for now, then in zip(spread, before, strict=True)])
        before = spread
    return columns
