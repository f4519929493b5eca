"""The proof of the ledger: each invariant is one SQL query that finds what breaks it. Run by tests, by ``onestop
check``, and now and then by the service, which shows how many there are as a metric.

The first one reckons what is owed to each hospital, fund and year from source rows alone (settlements, corrections,
deductions, orders, the bank's movements) and compares it with the payable account. Nothing here repairs anything."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.ledger.batch_proof import BATCH_CHECKS
from app.ledger.bill_proof import BILL_CHECKS
from app.ledger.overpaid import BALANCES
from app.tiers.model import FUNDS

MOST_SHOWN: Final = 100
STUCK_DAYS: Final = 30
_OPEN: Final = text("SELECT service_open(:timeout)")

_PAID: Final = (*FUNDS, "payable_adjustment")
# What each fund owes of a settlement. An insurance type whose pack gives it funds of its own has them in its document,
# which is looked into only where the pack's text speaks of any.
_PORTIONS: Final = ", ".join(
    f"('{tier}', '{fund}', s.{tier}{' + s.payable_adjustment' if tier == 'basic' else ''})"
    for tier, fund in FUNDS.items()
)
_OWED: Final = f"""
(SELECT coalesce(own.funds ->> v.tier, v.fund) AS fund, v.amount
   FROM (VALUES {_PORTIONS}) v(tier, fund, amount),
        LATERAL (SELECT CASE WHEN s.policy_digest IN (SELECT digest FROM policy_text WHERE texts::text LIKE '%funds%')
                             THEN (SELECT CASE WHEN s.older THEN o.document -> 'inputs' -> 'older'
                                               ELSE o.document -> 'inputs' END -> 'facts' -> 'funds' FROM settlement o
                                    WHERE o.settlement_id = coalesce(s.of_settlement_id, s.settlement_id))
                             END AS funds) own) f"""
# Settlements by benefit year: one that is split at the turn of the year is two rows, each with its year's amounts.
_BY_YEAR: Final = f"""
(SELECT s.settlement_id, s.kind, s.of_settlement_id, s.paid_by, s.paying_area, s.hospital_code, s.policy_digest,
        s.recorded_at, s.settled_at, s.document, p.*
   FROM settlement s LEFT JOIN settlement_older o USING (settlement_id), LATERAL (
        SELECT s.benefit_year, false AS older, {", ".join(f"s.{one} - coalesce(o.{one}, 0) AS {one}" for one in _PAID)}
        UNION ALL
        SELECT o.benefit_year, true, {", ".join(f"o.{one}" for one in _PAID)} WHERE o.settlement_id IS NOT NULL) p) s"""
# The benefit year while it was open when the row was written, else the year of the day; as fiscal_year_of().
_FISCAL: Final = """
CASE WHEN EXISTS (SELECT FROM fiscal_year_closing c WHERE c.area_code = {area} AND c.year = {year}
  AND c.recorded_at < {at})
     THEN extract(year FROM {day})::smallint ELSE {year} END"""
_OF_SETTLEMENT: Final = _FISCAL.format(
    area="s.paying_area", year="s.benefit_year", at="s.recorded_at", day="s.settled_at AT TIME ZONE 'Asia/Shanghai'"
)
_OF_DEDUCTION: Final = _FISCAL.format(
    area="d.area_code", year="d.fiscal_year", at="e.recorded_at", day="e.business_at AT TIME ZONE 'Asia/Shanghai'"
)
_APPROVED: Final = "o.approved_by IS NOT NULL AND o.state <> 'cancelled'"

# A recovery's reversal leaves the hospital what it was owed: the fund asks the liable party instead.
_PAYABLE: Final = f"""
WITH source AS (
  SELECT s.paying_area AS area_code, f.fund, s.hospital_code, {_OF_SETTLEMENT} AS fiscal_year, f.amount
    FROM {_BY_YEAR}, LATERAL {_OWED}
   WHERE s.paid_by = 'hospital' AND NOT (s.kind = 'reversal' AND s.document -> 'inputs' ->> 'evidence' IS NOT NULL)
  UNION ALL
  SELECT t.area_code, t.fund, t.hospital_code, t.fiscal_year, t.amount FROM family_doctor_fee
    JOIN transfer t USING (transfer_id)
  UNION ALL
  SELECT d.area_code, d.fund, d.hospital_code, {_OF_DEDUCTION}, -d.upheld
    FROM deduction d JOIN clearing_event e ON e.object_id = 'ded_' || d.deduction_id AND e.move IN ('accepted',
      'upheld', 'reduced')
   WHERE d.upheld > 0 AND d.claim_id IS NULL
  UNION ALL
  SELECT d.area_code, d.fund, d.hospital_code, {_OF_DEDUCTION}, e.amount
    FROM deduction d JOIN clearing_event e ON e.object_id = 'ded_' || d.deduction_id AND e.move = 'given_back'
   WHERE d.claim_id IS NULL
  UNION ALL
  SELECT o.area_code, o.fund, o.hospital_code, o.fiscal_year, -o.deposit - o.offset_amount FROM disbursement o
    WHERE {_APPROVED}
  UNION ALL
  SELECT w.area_code, w.fund, w.hospital_code, x.fiscal_year, x.amount
    FROM disbursement w JOIN disbursement o ON o.disbursement_id = w.taken_by,
         LATERAL (VALUES (o.fiscal_year, w.amount + w.repaid), (w.fiscal_year, -w.amount - w.repaid)) x(fiscal_year,
           amount)
   WHERE o.state = 'carried_forward' OR {_APPROVED}
  UNION ALL
  SELECT d.area_code, d.fund, d.hospital_code, x.fiscal_year, x.amount
    FROM deduction d JOIN clearing_event e ON e.object_id = 'ded_' || d.deduction_id AND e.move IN ('accepted',
      'upheld', 'reduced')
    JOIN disbursement o ON o.part_id = d.part_id,
         LATERAL (VALUES ({_OF_DEDUCTION}, d.upheld), (d.fiscal_year, -d.upheld)) x(fiscal_year, amount)
   WHERE d.upheld > 0 AND (o.state = 'carried_forward' OR {_APPROVED})
  UNION ALL
  SELECT l.area_code, l.fund, l.hospital_code, l.year, l.amount FROM deposit_release l WHERE l.state = 'approved'
  UNION ALL
  SELECT o.area_code, o.fund, o.hospital_code, o.fiscal_year, CASE b.kind WHEN 'payment' THEN -b.amount
    ELSE b.amount END
    FROM bank_movement b JOIN disbursement o USING (disbursement_id)),
expected AS (SELECT area_code, fund, hospital_code, fiscal_year, sum(amount) AS amount FROM source GROUP BY 1, 2, 3, 4),
moved AS (
  SELECT debit_account, credit_account, fiscal_year, sum(amount) AS amount FROM transfer GROUP BY 1, 2, 3),
fold AS (
  SELECT substr(split_part(a.path, '/', 1), 6) AS area_code, substr(split_part(a.path, '/', 2), 6) AS fund,
         substr(a.party, 10) AS hospital_code, m.fiscal_year, sum(m.signed) AS amount
    FROM (SELECT debit_account AS account_id, fiscal_year, -amount AS signed FROM moved
          UNION ALL SELECT credit_account, fiscal_year, amount FROM moved) m JOIN account a USING (account_id)
   WHERE a.kind = 'payable' AND a.party LIKE 'hospital:%' GROUP BY 1, 2, 3, 4)
SELECT concat_ws(' ', area_code, fund, hospital_code, fiscal_year) AS place, coalesce(e.amount, 0) AS expected,
       coalesce(f.amount, 0) AS found
  FROM expected e FULL JOIN fold f USING (area_code, fund, hospital_code, fiscal_year)
 WHERE coalesce(e.amount, 0) <> coalesce(f.amount, 0)"""

_SETTLEMENT: Final = f"""
SELECT 'set_' || coalesce(s.settlement_id, t.settlement_id) || ' ' || fund AS place, coalesce(s.amount, 0) AS expected,
       coalesce(t.amount, 0) AS found
  FROM (SELECT s.settlement_id, f.fund, sum(f.amount) AS amount FROM {_BY_YEAR}, LATERAL {_OWED}
         WHERE f.amount <> 0 GROUP BY 1, 2) s
  FULL JOIN (
        SELECT t.settlement_id, t.fund, sum(CASE d.kind WHEN 'expense' THEN t.amount ELSE -t.amount END) AS amount
          FROM transfer t JOIN account d ON d.account_id = t.debit_account
         WHERE t.event IN ('settlement', 'reversal', 'adjustment') GROUP BY 1, 2) t USING (settlement_id, fund)
 WHERE coalesce(s.amount, 0) <> coalesce(t.amount, 0)"""


def _account(kind: str, side: str, expected: str) -> str:
    """Compare the fold of all accounts of a kind, grown on one side, with what source rows say per area, fund and
    hospital."""
    grows, shrinks = ("amount", "-amount") if side == "debit" else ("-amount", "amount")
    return f"""
WITH expected AS (
  SELECT area_code, fund, hospital_code, sum(amount) AS amount FROM ({expected}) e GROUP BY 1, 2, 3),
moved AS (
  SELECT debit_account, credit_account, area_code, fund, hospital_code, sum(amount) AS amount FROM transfer
    GROUP BY 1, 2, 3, 4, 5),
fold AS (
  SELECT m.area_code, m.fund, m.hospital_code, sum(m.signed) AS amount
    FROM (SELECT debit_account AS account_id, area_code, fund, hospital_code, {grows} AS signed FROM moved
          UNION ALL SELECT credit_account, area_code, fund, hospital_code, {shrinks} FROM moved) m
            JOIN account a USING (account_id)
   WHERE a.kind = '{kind}' GROUP BY 1, 2, 3)
SELECT concat_ws(' ', area_code, fund, hospital_code) AS place, coalesce(e.amount, 0) AS expected, coalesce(f.amount,
  0) AS found
  FROM expected e FULL JOIN fold f USING (area_code, fund, hospital_code)
 WHERE coalesce(e.amount, 0) <> coalesce(f.amount, 0)"""


_SIGNED_BANK: Final = "CASE b.kind WHEN 'payment' THEN b.amount ELSE -b.amount END"
_OF_ORDERS: Final = "SELECT o.area_code, o.fund, o.hospital_code"
_BY_ORDER: Final = (
    f"{_OF_ORDERS}, {_SIGNED_BANK} AS amount FROM bank_movement b JOIN disbursement o USING (disbursement_id)"
)
_BY_PREPAYMENT: Final = (
    f"{_OF_ORDERS}, {_SIGNED_BANK} AS amount FROM bank_movement b JOIN prepayment o USING (prepayment_id)"
)
_BY_CLAIM: Final = f"{_OF_ORDERS}, {_SIGNED_BANK} AS amount FROM bank_movement b JOIN claim o USING (claim_id)"

# A claim's account is what the fund still owes of it, what was deducted is what stands of its deductions, what the bank
# moved is what it has paid; more than is owed is paid only of one whose settlement was corrected since.
_CLAIM: Final = f"""
SELECT 'clm_' || k.claim_id AS place, k.gross - coalesce(d.amount, 0) - coalesce(b.amount, 0) AS expected,
       coalesce(f.amount, 0) AS found
  FROM claim k
  LEFT JOIN (SELECT b.claim_id, sum({_SIGNED_BANK}) AS amount FROM bank_movement b GROUP BY 1) b USING (claim_id)
  LEFT JOIN (SELECT d.claim_id, sum(d.upheld - d.given_back) AS amount FROM deduction d GROUP BY 1) d USING (claim_id)
  LEFT JOIN (
       SELECT a.party, sum(CASE WHEN t.credit_account = a.account_id THEN t.amount ELSE -t.amount END) AS amount
         FROM account a JOIN transfer t ON a.account_id IN (t.debit_account, t.credit_account)
        WHERE a.kind = 'payable' AND a.party LIKE 'claim:%' GROUP BY 1) f ON f.party = 'claim:clm_' || k.claim_id
 WHERE k.gross - coalesce(d.amount, 0) - coalesce(b.amount, 0) <> coalesce(f.amount, 0)
    OR (k.deducted, k.paid) <> (coalesce(d.amount, 0), coalesce(b.amount, 0))
    OR coalesce(f.amount, 0) < 0 AND k.state <> 'recoverable_from_person'"""

_DEPOSITS: Final = """
SELECT substr(split_part(a.path, '/', 1), 6) AS area_code, substr(split_part(a.path, '/', 2), 6) AS fund,
       substr(a.party, 10) AS hospital_code, t.fiscal_year,
       sum(CASE WHEN t.credit_account = a.account_id THEN t.amount ELSE -t.amount END) AS amount
  FROM account a JOIN transfer t ON a.account_id IN (t.debit_account, t.credit_account) WHERE a.kind = 'deposit'
    GROUP BY 1, 2, 3, 4"""

_DIMENSIONS: Final = (
    "fiscal_year, benefit_year, period, area_code, hospital_code, hospital_area, fund, tier, event, clr_type,"
    " debit_account, credit_account, statement_id"
)
# What a pass has taken is neither in the tail nor missing; months are days added up; a statement's sums are its items'.
_ROLLUP: Final = f"""
WITH pass AS MATERIALIZED (SELECT mark, since FROM last_roll()),
summed AS (
  SELECT 'day' AS kind, day, {_DIMENSIONS}, cause, postings AS found, amount AS fen, 0 AS expected, 0 AS owed
    FROM posting_sum WHERE grain = 'day' AND EXISTS (SELECT FROM pass)
  UNION ALL
  SELECT 'day', business_date, {_DIMENSIONS}, cause_kept(statement_id, event, cause), 0, 0, count(*), sum(amount)
    FROM pass p JOIN transfer t ON t.recorded_at < p.since OR before_mark(t.xmin, p.mark)
   GROUP BY 2, {_DIMENSIONS}, 16
  UNION ALL
  SELECT 'month', day, {_DIMENSIONS}, cause, postings, amount, 0, 0 FROM posting_sum WHERE grain = 'month'
  UNION ALL
  SELECT 'month', month_end(day), {_DIMENSIONS}, cause, 0, 0, postings, amount FROM posting_sum WHERE grain = 'day'),
statement_items AS (
  SELECT statement_id, day, fiscal_year, period, fund, event, debit_account, credit_account, own_statement,
         amount AS fen, 0 AS owed FROM statement_sum
  UNION ALL
  SELECT i.statement_id, month_end(t.business_date), t.fiscal_year, t.period, t.fund, t.event, t.debit_account,
         t.credit_account, t.statement_id, 0, t.amount
    FROM statement_item i JOIN transfer t USING (transfer_id))
SELECT concat_ws(' ', kind, day, area_code, fund, hospital_code, fiscal_year, event) AS place, sum(owed) AS expected,
       sum(fen) AS found
  FROM summed GROUP BY kind, day, {_DIMENSIONS}, cause HAVING (sum(fen), sum(found)) <> (sum(owed), sum(expected))
UNION ALL
SELECT concat_ws(' ', 'stm_' || statement_id, day, fund, fiscal_year, event), sum(owed), sum(fen)
  FROM statement_items GROUP BY statement_id, day, fiscal_year, period, fund, event, debit_account, credit_account,
    own_statement HAVING sum(owed) <> sum(fen)"""

_WHOLES: Final = BILL_CHECKS | BATCH_CHECKS
CHECKS: Final = _WHOLES | {
    "rollup": _ROLLUP,
    "payable": _PAYABLE,
    "settlement_transfers": _SETTLEMENT,
    "posted_to_known": """
SELECT 'pst_' || t.transfer_id AS place, 0 AS expected, 1 AS found FROM transfer t
 WHERE NOT EXISTS (SELECT FROM account a WHERE a.account_id = t.debit_account)
    OR NOT EXISTS (SELECT FROM account a WHERE a.account_id = t.credit_account)
    OR t.settlement_id IS NOT NULL AND NOT EXISTS (SELECT FROM settlement s WHERE s.settlement_id = t.settlement_id)""",
    "cash": _account("cash", "credit", f"{_BY_ORDER} UNION ALL {_BY_PREPAYMENT} UNION ALL {_BY_CLAIM}"),
    "claim": _CLAIM,
    "deposit": _account(
        "deposit",
        "credit",
        f"{_OF_ORDERS}, o.deposit AS amount FROM disbursement o WHERE {_APPROVED} UNION ALL"
        " SELECT l.area_code, l.fund, l.hospital_code, -l.deposit FROM deposit_release l WHERE l.state = 'approved'",
    ),
    "prepaid": _account(
        "prepaid",
        "debit",
        f"{_BY_PREPAYMENT} UNION ALL {_OF_ORDERS}, -o.offset_amount FROM disbursement o WHERE {_APPROVED}",
    ),
    "ordered": _account(
        "ordered",
        "credit",
        f"{_OF_ORDERS}, o.amount - o.paid AS amount FROM disbursement o"
        " WHERE o.state IN ('sent', 'part_paid', 'paid', 'returned') AND o.sent_on IS NOT NULL",
    ),
    "statement_total": """
SELECT concat_ws(' ', 'stm_' || statement_id, fund, tier, clr_type, fiscal_year) AS place, coalesce(s.amount,
  0) AS expected,
       coalesce(i.amount, 0) AS found
  FROM statement_total s FULL JOIN (
       SELECT i.statement_id, t.fund, t.tier, t.clr_type, t.fiscal_year, count(*) AS postings,
              sum(CASE c.kind WHEN 'payable' THEN t.amount ELSE -t.amount END) AS amount
         FROM statement_item i JOIN transfer t USING (transfer_id) JOIN account c ON c.account_id = t.credit_account
        GROUP BY 1, 2, 3, 4, 5) i USING (statement_id, fund, tier, clr_type, fiscal_year)
 WHERE (s.amount, s.postings) IS DISTINCT FROM (i.amount, i.postings)""",
    "declared_once": """
SELECT 'pst_' || i.transfer_id AS place, 1 AS expected, count(*) AS found FROM statement_item i
  JOIN statement s USING (statement_id)
 WHERE s.state <> 'withdrawn' OR NOT i.withdrawn GROUP BY i.transfer_id HAVING count(*) > 1""",
    "declared_own": """
SELECT 'pst_' || i.transfer_id || ' stm_' || s.statement_id AS place, 0 AS expected, 1 AS found
  FROM statement_item i JOIN statement s USING (statement_id) JOIN transfer t USING (transfer_id)
  JOIN account d ON d.account_id = t.debit_account JOIN account c ON c.account_id = t.credit_account
 WHERE (t.hospital_code, t.area_code) <> (s.hospital_code, s.area_code) OR t.period > s.period
    OR i.withdrawn <> (s.withdrawn_on IS NOT NULL)
    OR 'payable hospital:' || s.hospital_code NOT IN (d.kind || ' ' || d.party, c.kind || ' ' || c.party)""",
    "order_paid": f"""
SELECT 'dis_' || o.disbursement_id AS place, coalesce(b.amount, 0) AS expected, o.paid - o.repaid AS found
  FROM disbursement o LEFT JOIN (
       SELECT b.disbursement_id, sum({_SIGNED_BANK}) AS amount FROM bank_movement b
         GROUP BY 1) b USING (disbursement_id)
 WHERE o.paid - o.repaid <> coalesce(b.amount, 0)""",
    "order_offset": """
SELECT 'dis_' || o.disbursement_id AS place, coalesce(f.amount, 0) AS expected, o.offset_amount AS found
  FROM disbursement o LEFT JOIN (
       SELECT disbursement_id, sum(amount) AS amount FROM prepayment_offset GROUP BY 1) f USING (disbursement_id)
 WHERE coalesce(f.amount, 0) <> CASE o.state WHEN 'cancelled' THEN 0 ELSE o.offset_amount END""",
    "order_approved": """
SELECT 'dis_' || o.disbursement_id AS place, p.amount - coalesce(d.upheld, 0) AS expected, o.gross AS found
  FROM disbursement o JOIN statement_part p USING (part_id)
  LEFT JOIN (SELECT part_id, sum(upheld) AS upheld FROM deduction WHERE upheld > 0 GROUP BY 1) d USING (part_id)
 WHERE o.state <> 'cancelled' AND o.gross <> p.amount - coalesce(d.upheld, 0)""",
    "part_total": """
SELECT concat_ws(' ', 'stm_' || statement_id, fund, fiscal_year) AS place, coalesce(t.amount, 0) AS expected,
       coalesce(p.amount, 0) AS found
  FROM (SELECT statement_id, fund, fiscal_year, sum(amount) AS amount FROM statement_total GROUP BY 1, 2, 3) t
  FULL JOIN statement_part p USING (statement_id, fund, fiscal_year)
 WHERE t.amount IS DISTINCT FROM p.amount""",
    "part_state": """
SELECT 'prt_' || p.part_id AS place, 0 AS expected, 1 AS found
  FROM statement_part p JOIN statement s USING (statement_id) WHERE p.state <> part_state(p, s)
UNION ALL
SELECT 'stm_' || s.statement_id, 0, 1 FROM statement s WHERE s.state <> statement_state(s)""",
    "withdrawn": """
SELECT 'prt_' || p.part_id || ' ' || p.reason AS place, 0 AS expected, 1 AS found
  FROM statement s CROSS JOIN LATERAL parts_in_progress(s.statement_id) p WHERE s.withdrawn_on IS NOT NULL""",
    "deducted": """
SELECT 'set_' || d.settlement_id || ' ' || d.fund AS place, greatest(settlement_owed(d.settlement_id, d.fund),
  0) AS expected,
       sum(d.upheld - d.given_back) AS found
  FROM deduction d WHERE d.upheld > d.given_back GROUP BY d.settlement_id, d.fund
HAVING sum(d.upheld - d.given_back) > greatest(settlement_owed(d.settlement_id, d.fund), 0)""",
    "unexplained": f"""
SELECT concat_ws(' ', area_code, fund, hospital_code, fiscal_year) AS place, explained AS expected, overpaid AS found
  FROM ({BALANCES}) o WHERE unexplained > 0""",
    "deposit_positive": f"""
SELECT concat_ws(' ', area_code, fund, hospital_code, fiscal_year) AS place, 0 AS expected, amount AS found
  FROM ({_DEPOSITS}) h WHERE amount < 0""",
    "stuck_draft": f"""
SELECT 'rel_' || l.release_id AS place, l.deposit AS expected, coalesce(h.amount, 0) AS found
  FROM deposit_release l LEFT JOIN ({_DEPOSITS}) h
    ON (h.area_code, h.fund, h.hospital_code, h.fiscal_year) = (l.area_code, l.fund, l.hospital_code, l.year)
 WHERE l.state = 'draft' AND l.deposit <> coalesce(h.amount, 0)
   AND l.recorded_at < clock_timestamp() - interval '{STUCK_DAYS} days'""",
    "prepayment_state": """
SELECT 'pre_' || p.prepayment_id AS place, p.paid - p.returned - coalesce(f.taken, 0) AS expected, 0 AS found
  FROM prepayment p LEFT JOIN (
       SELECT f.prepayment_id, sum(f.amount) AS taken FROM prepayment_offset f
         JOIN disbursement o USING (disbursement_id)
        WHERE o.approved_by IS NOT NULL AND o.state <> 'cancelled' GROUP BY 1) f USING (prepayment_id)
 WHERE CASE WHEN p.state IN ('draft', 'approved', 'sent', 'cancelled') THEN p.paid <> 0
            WHEN p.state IN ('offset', 'returned') THEN p.paid - p.returned - coalesce(f.taken, 0) <> 0
            WHEN p.state = 'part_paid' THEN p.paid = 0 OR p.paid = p.amount
            ELSE p.paid < p.amount OR p.paid - p.returned - coalesce(f.taken, 0) <= 0 END""",
    "prepayment": """
SELECT 'pre_' || p.prepayment_id AS place, coalesce(b.paid, 0) - coalesce(b.returned, 0) - coalesce(f.amount,
  0) AS expected,
       p.paid - p.returned - p.offset_amount AS found
  FROM prepayment p LEFT JOIN (
       SELECT prepayment_id, sum(amount) FILTER (WHERE kind = 'payment') AS paid, sum(amount)
         FILTER (WHERE kind = 'return') AS returned
         FROM bank_movement GROUP BY 1) b USING (prepayment_id)
  LEFT JOIN (SELECT prepayment_id, sum(amount) AS amount FROM prepayment_offset GROUP BY 1) f USING (prepayment_id)
 WHERE (p.paid, p.returned, p.offset_amount) <> (coalesce(b.paid, 0), coalesce(b.returned, 0), coalesce(f.amount,
   0))""",
    "closed_year": """
SELECT concat_ws(' ', area_code, year, fund, v.figure) AS place, v.stored AS expected, v.found
  FROM (SELECT c.area_code, c.year, f ->> 'fund' AS fund, 100 * (f ->> 'payable')::numeric AS payable,
               100 * ((f ->> 'cash')::numeric + (f ->> 'offset')::numeric) AS paid
          FROM fiscal_year_closing c, jsonb_array_elements(c.figures) f) s
  FULL JOIN (
       SELECT t.area_code, t.fiscal_year AS year, t.fund,
              sum(-x.owed) FILTER (WHERE t.event IN ('payment', 'payment_returned', 'carried', 'carry_repaid',
                'offset', 'offset_undone')) AS paid,
              sum(CASE WHEN t.event = 'deposit_forfeited' THEN -t.amount ELSE x.owed END)
                FILTER (WHERE t.event IN ('settlement', 'adjustment', 'reversal', 'recovery', 'family_doctor',
                  'deduction',
                                          'deduction_reversed', 'deposit_forfeited')) AS payable
         FROM transfer t JOIN account d ON d.account_id = t.debit_account
           JOIN account c ON c.account_id = t.credit_account,
              LATERAL (SELECT CASE WHEN c.kind = 'payable' AND c.party ~ '^(hospital|claim):' THEN t.amount
                                   WHEN d.kind = 'payable' AND d.party ~ '^(hospital|claim):' THEN -t.amount
                                     ELSE 0 END AS owed) x
        WHERE t.business_date <= make_date(t.fiscal_year, 12, 31)
          AND (t.area_code, t.fiscal_year) IN (SELECT area_code, year FROM fiscal_year_closing)
        GROUP BY 1, 2, 3) m USING (area_code, year, fund),
       LATERAL (VALUES ('payable', coalesce(s.payable, 0), coalesce(m.payable, 0)),
                       ('paid', coalesce(s.paid, 0), coalesce(m.paid, 0))) v(figure, stored, found)
 WHERE v.stored <> v.found""",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """Where an invariant is broken: the place, what source rows say and what is stored; fen or counts."""

    place: str
    expected: int
    found: int


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How often an invariant is broken, and the first hundred places."""

    check: str
    count: int
    violations: tuple[Violation, ...]


async def check_all(connection: AsyncConnection, *, seconds: int = 0) -> list[CheckResult]:
    """Every invariant over the whole ledger, whoever asks. ``seconds`` bounds each query; 0: the time that it takes."""
    await open_all(connection, seconds=seconds)
    return [await checked(connection, name) for name in CHECKS]


async def open_all(connection: AsyncConnection, *, seconds: int) -> None:
    """Let a transaction see the whole ledger, whoever asks."""
    await connection.execute(_OPEN, {"timeout": f"{seconds}s"})


async def checked(connection: AsyncConnection, name: str) -> CheckResult:
    """One invariant, of all that the transaction sees."""
    counted = text(f"SELECT count(*) OVER () AS n, v.* FROM ({CHECKS[name]}) v ORDER BY v.place LIMIT {MOST_SHOWN}")
    rows = (await connection.execute(counted)).all()
    violations = tuple(Violation(row[1], int(row[2]), int(row[3])) for row in rows)
    return CheckResult(name, rows[0][0] if rows else 0, violations)
