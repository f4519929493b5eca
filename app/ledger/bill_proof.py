"""The invariants of bills, person-years and statements as wholes, beside those of accounts (``proof.py``).

A bill's portions add up to it, and so do its parts by scope; a year's accumulators are the fold of its entries; no
posting that a statement should have taken is in none."""

from typing import Final

_BILL: Final = """
SELECT 'set_' || s.settlement_id || ' ' || v.parts AS place, s.total AS expected, v.found
  FROM settlement s, LATERAL (VALUES
       ('portions', s.basic + s.serious_illness + s.supplement + s.medical_assistance + s.safety_net + s.hospital
          + s.patient),
       ('scope', s.own_expense + s.over_limit + s.first_pay + s.in_scope)) v(parts, found)
 WHERE s.total <> v.found"""

# A year is named by its first settlement, so that no person stands in a log.
_YEAR: Final = """
WITH moved AS (
  SELECT s.person_id, s.benefit_year, d.key, sum(d.value::bigint) AS amount
    FROM settlement s, LATERAL jsonb_each_text(s.delta) d GROUP BY 1, 2, 3
  UNION ALL
  SELECT person_id, benefit_year, 'entries', count(*) FROM settlement GROUP BY 1, 2),
stored AS (
  SELECT y.person_id, y.benefit_year, a.key, a.value::bigint AS amount
    FROM person_year y, LATERAL jsonb_each_text(y.accumulators) a
  UNION ALL
  SELECT person_id, benefit_year, 'entries', entries FROM person_year)
SELECT concat_ws(' ', 'set_' || (SELECT min(s.settlement_id) FROM settlement s
                                  WHERE (s.person_id, s.benefit_year) = (w.person_id, w.benefit_year)),
                 w.benefit_year, w.key) AS place, w.expected, w.found
  FROM (SELECT person_id, benefit_year, key, coalesce(m.amount, 0) AS expected, coalesce(y.amount, 0) AS found
          FROM moved m FULL JOIN stored y USING (person_id, benefit_year, key)) w
 WHERE w.expected <> w.found"""

# A posting is free from when it was written, or its statement withdrawn. One that was free well before a later
# statement was drawn up had to go into that: how long a transaction may take is far less than these ten minutes.
_UNDECLARED: Final = """
SELECT 'pst_' || t.transfer_id AS place, 1 AS expected, 0 AS found
  FROM transfer t JOIN account d ON d.account_id = t.debit_account JOIN account c ON c.account_id = t.credit_account,
       LATERAL (SELECT greatest(t.recorded_at, max(e.recorded_at)) AS since
                  FROM statement_item i JOIN clearing_event e
                    ON e.object_id = 'stm_' || i.statement_id AND e.move = 'withdrawn'
                 WHERE i.transfer_id = t.transfer_id) free
 WHERE t.event IN ('settlement', 'reversal', 'adjustment', 'recovery', 'deduction_reversed', 'family_doctor')
   AND 'payable hospital:' || t.hospital_code IN (d.kind || ' ' || d.party, c.kind || ' ' || c.party)
   AND NOT EXISTS (SELECT FROM statement_item i WHERE i.transfer_id = t.transfer_id AND NOT i.withdrawn)
   AND EXISTS (SELECT FROM statement s
                WHERE s.hospital_code = t.hospital_code AND s.area_code = t.area_code AND s.withdrawn_on IS NULL
                  AND s.period >= t.period AND s.recorded_at > free.since + interval '10 minutes')"""

BILL_CHECKS: Final = {"bill": _BILL, "year_to_date": _YEAR, "undeclared": _UNDECLARED}
