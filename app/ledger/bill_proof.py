"""The invariants of bills, person-years and statements as wholes, beside those of accounts (``proof.py``).

A bill's portions add up to it, and so do its parts by scope; a year's accumulators are the fold of its entries; no
posting that a statement should have taken is in none."""

from typing import Final

_BILL: Final = """
SELECT concat_ws(' ', 'set_' || s.settlement_id, s.year, v.parts) AS place, s.total AS expected, v.found
  FROM (SELECT settlement_id, NULL AS year, total, basic, serious_illness, supplement, medical_assistance, safety_net,
               hospital, patient, own_expense, over_limit, first_pay, in_scope FROM settlement
        UNION ALL
        SELECT settlement_id, benefit_year, total, basic, serious_illness, supplement, medical_assistance, safety_net,
               hospital, patient, own_expense, over_limit, first_pay, in_scope FROM settlement_older) s, LATERAL (VALUES
       ('portions', s.basic + s.serious_illness + s.supplement + s.medical_assistance + s.safety_net + s.hospital
          + s.patient),
       ('scope', s.own_expense + s.over_limit + s.first_pay + s.in_scope)) v(parts, found)
 WHERE s.total <> v.found"""

# Of a settlement that is split at the turn of the year neither part is negative, its corrections are split like it, and
# its older part is one of the same person's year before.
_SPLIT: Final = """
SELECT 'set_' || s.settlement_id || ' ' || v.fault AS place, 0 AS expected, 1 AS found
  FROM settlement s JOIN settlement_older o USING (settlement_id),
       LATERAL (VALUES
         ('year', (o.person_id, o.benefit_year) <> (s.person_id, s.benefit_year - 1)),
         ('older', s.kind = 'settlement' AND 0 > least(o.own_expense, o.over_limit, o.first_pay, o.in_scope, o.basic,
            o.serious_illness, o.supplement, o.medical_assistance, o.safety_net, o.hospital, o.patient, o.deductible)),
         ('newer', s.kind = 'settlement' AND 0 > least(s.own_expense - o.own_expense, s.over_limit - o.over_limit,
            s.first_pay - o.first_pay, s.in_scope - o.in_scope, s.basic - o.basic,
            s.serious_illness - o.serious_illness, s.supplement - o.supplement,
            s.medical_assistance - o.medical_assistance, s.safety_net - o.safety_net, s.hospital - o.hospital,
            s.patient - o.patient, s.deductible - o.deductible))) v(fault, wrong)
 WHERE v.wrong
UNION ALL
SELECT 'set_' || s.settlement_id || ' correction', 0, 1
  FROM settlement s LEFT JOIN settlement_older mine ON mine.settlement_id = s.settlement_id
  LEFT JOIN settlement_older its ON its.settlement_id = s.of_settlement_id
 WHERE s.of_settlement_id IS NOT NULL AND (mine.settlement_id IS NULL) <> (its.settlement_id IS NULL)"""

# A year is named by its first settlement, so that no person stands in a log.
_YEAR: Final = """
WITH entry AS (
  SELECT settlement_id, person_id, benefit_year, delta FROM settlement
  UNION ALL SELECT settlement_id, person_id, benefit_year, delta FROM settlement_older),
moved AS (
  SELECT s.person_id, s.benefit_year, d.key, sum(d.value::bigint) AS amount
    FROM entry s, LATERAL jsonb_each_text(s.delta) d GROUP BY 1, 2, 3
  UNION ALL
  SELECT person_id, benefit_year, 'entries', count(*) FROM entry GROUP BY 1, 2),
stored AS (
  SELECT y.person_id, y.benefit_year, a.key, a.value::bigint AS amount
    FROM person_year y, LATERAL jsonb_each_text(y.accumulators) a
  UNION ALL
  SELECT person_id, benefit_year, 'entries', entries FROM person_year)
SELECT concat_ws(' ', 'set_' || (SELECT min(s.settlement_id) FROM entry s
                                  WHERE (s.person_id, s.benefit_year) = (w.person_id, w.benefit_year)),
                 w.benefit_year, w.key) AS place, w.expected, w.found
  FROM (SELECT person_id, benefit_year, key, coalesce(m.amount, 0) AS expected, coalesce(y.amount, 0) AS found
          FROM moved m FULL JOIN stored y USING (person_id, benefit_year, key)) w
 WHERE w.expected <> w.found"""

# A posting is free from when it was written, or its statement withdrawn. One that was free well before a later
# statement was drawn up had to go into that: how long a transaction may take is far less than these ten minutes.
_UNDECLARED: Final = """
WITH withdrawn AS MATERIALIZED (
  SELECT i.transfer_id, max(e.recorded_at) AS at FROM clearing_event e
    JOIN statement_item i ON e.object_id = 'stm_' || i.statement_id WHERE e.move = 'withdrawn' GROUP BY 1),
free AS MATERIALIZED (
  SELECT t.transfer_id, t.hospital_code, t.area_code, t.period, t.debit_account, t.credit_account,
         greatest(t.recorded_at, w.at) AS since
    FROM transfer t LEFT JOIN withdrawn w USING (transfer_id)
   WHERE t.event IN ('settlement', 'reversal', 'adjustment', 'recovery', 'deduction_reversed', 'family_doctor')
     AND NOT EXISTS (SELECT FROM statement_item i WHERE i.transfer_id = t.transfer_id AND NOT i.withdrawn))
SELECT 'pst_' || t.transfer_id AS place, 1 AS expected, 0 AS found
  FROM free t JOIN account d ON d.account_id = t.debit_account JOIN account c ON c.account_id = t.credit_account
 WHERE 'payable hospital:' || t.hospital_code IN (d.kind || ' ' || d.party, c.kind || ' ' || c.party)
   AND EXISTS (SELECT FROM statement s
                WHERE s.hospital_code = t.hospital_code AND s.area_code = t.area_code AND s.withdrawn_on IS NULL
                  AND s.period >= t.period AND s.recorded_at > t.since + interval '10 minutes')"""

BILL_CHECKS: Final = {"bill": _BILL, "split": _SPLIT, "year_to_date": _YEAR, "undeclared": _UNDECLARED}
