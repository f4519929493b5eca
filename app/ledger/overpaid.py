"""What was paid twice, if anything: per hospital, fund, area and year, by queries over the ledger. Amounts in fen.

*overpaid* is what cash, offsets and deposits come to above what is payable less deductions: what the payable account
lacks. *explained* is what a hospital is known to owe back: negative nets carried forward that no approved order has
taken, and negative postings that no approved order has counted yet. Anything beyond, *unexplained*, left a fund without
a reason: a finding."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

BALANCES: Final = """
WITH moved AS (
  SELECT debit_account, credit_account, fiscal_year, sum(amount) AS amount FROM transfer GROUP BY 1, 2, 3),
balance AS (
  SELECT substr(split_part(a.path, '/', 1), 6) AS area_code, substr(split_part(a.path, '/', 2), 6) AS fund,
         substr(a.party, 10) AS hospital_code, m.fiscal_year, greatest(0, -sum(m.signed)) AS overpaid
    FROM (SELECT debit_account AS account_id, fiscal_year, -amount AS signed FROM moved
          UNION ALL SELECT credit_account, fiscal_year, amount FROM moved) m JOIN account a USING (account_id)
   WHERE a.kind = 'payable' AND a.party LIKE 'hospital:%' GROUP BY 1, 2, 3, 4),
known AS (
  SELECT w.area_code, w.fund, w.hospital_code, w.fiscal_year, -w.amount - w.repaid AS amount
    FROM disbursement w LEFT JOIN disbursement o ON o.disbursement_id = w.taken_by
   WHERE w.state = 'carried_forward'
     AND (o.disbursement_id IS NULL OR (o.approved_by IS NULL AND o.state <> 'carried_forward'))
  UNION ALL
  SELECT t.area_code, t.fund, t.hospital_code, t.fiscal_year, t.amount
    FROM transfer t JOIN account d ON d.account_id = t.debit_account AND d.kind = 'payable'
      AND d.party LIKE 'hospital:%'
    LEFT JOIN statement_item i ON i.transfer_id = t.transfer_id AND NOT i.withdrawn
    LEFT JOIN statement_part p ON (p.statement_id, p.fund, p.fiscal_year) = (i.statement_id, t.fund, t.fiscal_year)
    LEFT JOIN deduction x ON t.event = 'deduction' AND x.deduction_id = substr(t.cause, 5)::bigint
   WHERE t.event IN ('settlement', 'adjustment', 'reversal', 'deduction')
     AND NOT EXISTS (SELECT FROM disbursement o WHERE o.part_id = coalesce(p.part_id, x.part_id)
       AND o.state <> 'cancelled'
                        AND (o.approved_by IS NOT NULL OR o.state = 'carried_forward'))),
explained AS (SELECT area_code, fund, hospital_code, fiscal_year, sum(amount) AS amount FROM known GROUP BY 1, 2, 3, 4)
SELECT b.area_code, b.fund, b.hospital_code, b.fiscal_year, b.overpaid::bigint AS overpaid,
       coalesce(e.amount, 0)::bigint AS explained, greatest(0, b.overpaid - coalesce(e.amount,
         0))::bigint AS unexplained
  FROM balance b LEFT JOIN explained e USING (area_code, fund, hospital_code, fiscal_year)
 WHERE b.overpaid > 0"""


_BY_FUND: Final = text(f"""
SELECT area_code, fund, fiscal_year, sum(overpaid)::bigint AS overpaid, sum(explained)::bigint AS explained,
       sum(unexplained)::bigint AS unexplained
  FROM ({BALANCES}) o GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""")


@dataclass(frozen=True, slots=True)
class Overpaid:
    """What the hospitals of a paying area were overpaid by a fund in a fiscal year."""

    area_code: str
    fund: str
    fiscal_year: int
    overpaid: int
    explained: int
    unexplained: int


async def overpaid(connection: AsyncConnection) -> list[Overpaid]:
    """What was overpaid, by area, fund and year, of all that the transaction sees; only where something was."""
    return [Overpaid(*row) for row in await connection.execute(_BY_FUND)]
