"""One payer's own list of a statement: what its fund owes for each settlement, as a file for the payer's desk."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.ids import SETTLEMENT, shown_id
from app.clearing.statement import SIGNED
from app.service.export import Column
from app.service.words import worded

COLUMNS: Final = (
    Column("结算编号 settlement_id"),
    Column("类型 kind"),
    Column("原结算编号 of_settlement_id"),
    Column("就诊号 visit_id"),
    Column("结算序号 settle_seq", "count"),
    Column("人员编号 person_id"),
    Column("人员类别 benefit_class"),
    Column("清算类别 clr_type"),
    Column("清算类别名称"),
    Column("入院日期 admitted_on", "date"),
    Column("出院日期 discharged_on", "date"),
    Column("记账日期 business_date", "date"),
    Column("年度 fiscal_year", "count"),
    Column("医疗费总额 total", "money"),
    Column("本基金应付 amount", "money"),
)
_ROWS: Final = text(
    f"""SELECT t.event, t.settlement_id, s.of_settlement_id, s.visit_id, s.settle_seq, s.person_id, s.benefit_class,
      t.clr_type,
               s.admitted_on, s.discharged_on, t.business_date, t.fiscal_year, s.total, sum({SIGNED})::bigint AS amount
          FROM statement_item i JOIN transfer t USING (transfer_id) JOIN account c ON c.account_id = t.credit_account
          LEFT JOIN settlement s ON s.settlement_id = t.settlement_id
         WHERE i.statement_id = :number AND t.fund = :fund
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 ORDER BY t.settlement_id, t.event"""
)


async def rows(connection: AsyncConnection, number: int, fund: str) -> list[list[object]]:
    """The rows of a fund's file: one for each settlement, reversal and adjustment; fees without a settlement last."""
    found = (await connection.execute(_ROWS, {"number": number, "fund": fund})).mappings().all()
    return [
        [
            None if row["settlement_id"] is None else shown_id(SETTLEMENT, row["settlement_id"]),
            worded("event", row["event"], "zh"),
            None if row["of_settlement_id"] is None else shown_id(SETTLEMENT, row["of_settlement_id"]),
            *(row[name] for name in ("visit_id", "settle_seq", "person_id")),
            worded("benefit_class", row["benefit_class"] or "", "zh"),
            row["clr_type"],
            worded("clr_type", row["clr_type"], "zh"),
            *(
                row[name]
                for name in ("admitted_on", "discharged_on", "business_date", "fiscal_year", "total", "amount")
            ),
        ]
        for row in found
    ]
