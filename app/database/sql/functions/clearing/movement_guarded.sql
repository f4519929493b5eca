-- The bank moves money of what awaits it, on days that make sense: no payment before its sending (but in the days that a
-- restoration lost), at the end of no day less than nothing or more than the amount paid, no repayment before its carry or of what another order took. What was sent of
-- a claim may be paid whatever a correction left of it, and what was paid of one may come back.
-- Called by the trigger bank_movement_guarded.
CREATE FUNCTION movement_guarded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_state text;
  v_first date;
  v_most bigint;
BEGIN
  SELECT CASE WHEN NEW.kind = 'repayment' AND o.taken_by IS NOT NULL THEN 'taken' ELSE o.state END,
         CASE NEW.kind WHEN 'repayment' THEN o.created_on ELSE o.sent_on END, o.amount INTO v_state, v_first, v_most
    FROM disbursement o WHERE o.disbursement_id = NEW.disbursement_id
  UNION ALL SELECT p.state, p.sent_on, p.amount FROM prepayment p WHERE p.prepayment_id = NEW.prepayment_id
  UNION ALL
  SELECT CASE WHEN NEW.kind = 'payment' AND NEW.amount <= c.at_bank THEN 'sent'
              WHEN NEW.kind = 'return' AND c.paid > 0 THEN 'paid'
              ELSE c.state END,
         CASE WHEN NEW.kind = 'return' THEN c.created_on WHEN c.at_bank > 0 THEN c.at_bank_since ELSE c.sent_on END,
         CASE WHEN NEW.amount > c.at_bank OR c.paid + NEW.amount <= c.amount THEN greatest(c.amount, c.paid) END
    FROM claim c WHERE c.claim_id = NEW.claim_id;
  IF NOT v_state = ANY (CASE NEW.kind WHEN 'payment' THEN ARRAY['sent', 'part_paid', 'returned']
                                      WHEN 'return' THEN ARRAY['paid', 'part_paid', 'recoverable_from_person']
                                      ELSE ARRAY['carried_forward'] END) THEN
    RAISE EXCEPTION 'the bank moves money of what awaits it' USING ERRCODE = 'restrict_violation';
  ELSIF v_first IS NULL
     OR NEW.value_on < v_first AND NOT (NEW.kind = 'payment' AND paid_while_lost(NEW.value_on, v_first)) THEN
    RAISE EXCEPTION 'money moves after its cause' USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.kind <> 'repayment' AND EXISTS (
    SELECT FROM (
      SELECT x.value_on, sum(sum(x.amount)) OVER (ORDER BY x.value_on) AS paid
        FROM (SELECT b.value_on, CASE b.kind WHEN 'payment' THEN b.amount ELSE -b.amount END AS amount
                FROM bank_movement b
               WHERE (b.disbursement_id = NEW.disbursement_id OR b.prepayment_id = NEW.prepayment_id
                      OR b.claim_id = NEW.claim_id)
                 AND b.kind <> 'repayment'
              UNION ALL
              SELECT NEW.value_on, CASE NEW.kind WHEN 'payment' THEN NEW.amount ELSE -NEW.amount END) x
       GROUP BY x.value_on) y
     WHERE y.value_on >= NEW.value_on AND (y.paid < 0 OR NEW.kind = 'payment' AND y.paid > v_most)) THEN
    RAISE EXCEPTION 'money comes back after it went, and goes again after it came back'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

ALTER FUNCTION movement_guarded OWNER TO onestop_settler;
