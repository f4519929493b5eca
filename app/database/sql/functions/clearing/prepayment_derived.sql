-- Once it is sent, a prepayment's state follows its money: sent, part_paid, paid, and with nothing outstanding
-- `returned` when a return brought that about, `offset` when an approved order did. What drafts reserve hasn't moved
-- yet.
-- Called by the trigger prepayment_derived, before only_moves().
CREATE FUNCTION prepayment_derived() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  left_over bigint;
BEGIN
  IF NEW.state IN ('draft', 'approved', 'cancelled') THEN
    RETURN NEW;
  END IF;
  left_over := NEW.paid - NEW.returned - (
    SELECT coalesce(sum(f.amount), 0) FROM prepayment_offset f JOIN disbursement o USING (disbursement_id)
     WHERE f.prepayment_id = NEW.prepayment_id AND o.approved_by IS NOT NULL AND o.state <> 'cancelled');
  NEW.state := CASE
    WHEN NEW.paid = 0 THEN 'sent'
    WHEN left_over = 0 AND NEW.returned > OLD.returned THEN 'returned'
    WHEN left_over = 0 AND OLD.state IN ('offset', 'returned') THEN OLD.state
    WHEN NEW.paid < NEW.amount THEN 'part_paid'
    WHEN left_over = 0 THEN 'offset'
    ELSE 'paid' END;
  RETURN NEW;
END $$;

ALTER FUNCTION prepayment_derived OWNER TO onestop_settler;
