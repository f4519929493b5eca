"""The invariant of payment batches: what the bank was asked to pay, what its answers say, what was booked, and what the
orders and claims became agree, beside the invariants of accounts (``proof.py``).

An answer that the bank took a payment back before it was booked has no movement: the order was never paid. A claim may
be corrected while it is at the bank, and an earlier payment of an order may come back: then more is open than the row
asks for, never less of an order."""

from typing import Final

_PAID_OF: Final = "coalesce('dis_' || {0}.disbursement_id, 'clm_' || {0}.claim_id)"
_BOOKED: Final = """bank_movement m ON upper(m.bank_reference) = upper(r.bank_reference)
       AND m.kind = CASE r.result WHEN 'paid' THEN 'payment' ELSE 'return' END
       AND (m.disbursement_id, m.claim_id) IS NOT DISTINCT FROM (r.disbursement_id, r.claim_id)"""

# Rows by their order or claim against answers with their movements: what ended as paid was paid by an answer, once;
# what ended as returned was answered so; an answer without a movement ended a row that was never paid.
_ANSWERED: Final = f"""
SELECT place || v.what AS place, v.expected, v.found FROM (
  SELECT place, sum(asked) AS asked, sum(done) AS done, sum(back) AS back, sum(said) AS said, sum(unbooked) AS unbooked
    FROM (SELECT {_PAID_OF.format("i")} AS place, CASE result WHEN 'paid' THEN amount ELSE 0 END AS asked, 0 AS done,
                 (result = 'returned')::int AS back, 0 AS said, 0 AS unbooked
            FROM payment_batch_item i WHERE result IN ('paid', 'returned')
          UNION ALL
          SELECT {_PAID_OF.format("r")}, 0, CASE r.result WHEN 'paid' THEN coalesce(m.amount, 0) ELSE 0 END, 0,
                 (r.result = 'returned')::int, (r.result = 'returned' AND m.amount IS NULL)::int
            FROM bank_receipt_row r LEFT JOIN {_BOOKED} WHERE r.result IN ('paid', 'returned')) o GROUP BY place) s,
  LATERAL (VALUES ('', s.asked, s.done), (' returned entries', greatest(s.back, s.unbooked), s.back),
    (' answered entries', greatest(s.back, s.said), s.said)) v(what, expected, found)
 WHERE v.expected <> v.found
UNION ALL
SELECT 'rcp_' || r.receipt_id || ' ' || r.row_no, r.amount, coalesce(m.amount, 0)
  FROM bank_receipt_row r LEFT JOIN {_BOOKED}
 WHERE r.result = 'paid' AND m.amount IS NULL OR r.result IN ('paid', 'returned') AND m.amount <> r.amount"""

# A batch against its rows: its control sum, its state, its area and funds.
_BATCH: Final = """
SELECT 'pay_' || b.batch_id || v.what, v.expected, v.found
  FROM payment_batch b JOIN (
       SELECT batch_id, count(*) AS n, count(*) FILTER (WHERE live) AS live, sum(amount) AS amount,
              count(*) FILTER (WHERE result = 'cancelled') AS cancelled
         FROM payment_batch_item GROUP BY 1) i USING (batch_id),
       LATERAL (VALUES
         ('', coalesce(b.control_sum, i.amount), i.amount),
         (' live entries', CASE WHEN b.state IN ('draft', 'approved') THEN i.n
                                WHEN b.state = 'sent' THEN greatest(i.live, 1) ELSE 0 END, i.live),
         (' cancelled entries', CASE b.state WHEN 'cancelled' THEN i.n ELSE 0 END, i.cancelled)
       ) v(what, expected, found)
 WHERE v.expected <> v.found
UNION ALL
SELECT 'pay_' || i.batch_id || '-' || i.item_no || ' entries', 1, 0
  FROM payment_batch_item i JOIN payment_batch b USING (batch_id)
  LEFT JOIN disbursement o ON o.disbursement_id = i.disbursement_id LEFT JOIN claim k ON k.claim_id = i.claim_id
 WHERE (coalesce(o.area_code, k.area_code), coalesce(o.fund, k.fund)) IS DISTINCT FROM (b.area_code, i.fund)
    OR i.fund <> ALL (b.funds)"""

# While the bank has to answer, at least what it was asked to pay is open of the order.
_OPEN: Final = """
SELECT 'pay_' || i.batch_id || '-' || i.item_no, i.amount, v.open
  FROM payment_batch_item i JOIN payment_batch b USING (batch_id) JOIN disbursement o USING (disbursement_id),
       LATERAL (SELECT CASE WHEN o.state IN ('sent', 'part_paid', 'returned') THEN o.amount - o.paid ELSE 0 END
         AS open) v
 WHERE i.live AND b.state IN ('approved', 'sent') AND v.open < i.amount"""

BATCH_CHECKS: Final = {"payment_batch": f"{_ANSWERED} UNION ALL {_BATCH} UNION ALL {_OPEN}"}
