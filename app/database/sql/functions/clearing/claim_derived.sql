-- A claim's state follows its money: what a correction takes back is reversed, or recoverable once it was paid; what is
-- owed above the approved amount is a draft again that somebody approves who neither settled nor raised it; what was
-- sent is part_paid, paid or returned as the bank says; money that the person gives back closes what was recoverable. A
-- claim that deductions took whole waits for its approval as before, and is paid by it. What was sent is at the bank until
-- the bank paid it or the claim is cancelled, whatever corrections leave of the claim; what the bank returned is paid
-- again, except where the person owes it. A draft keeps who approved what is at the bank or paid.
-- Called by the trigger claim_derived, before only_moves().
CREATE FUNCTION claim_derived() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  owed bigint := NEW.gross - NEW.deducted;
  has bigint := NEW.paid;
BEGIN
  IF (NEW.gross, NEW.deducted, NEW.paid) = (OLD.gross, OLD.deducted, OLD.paid) THEN
    IF NEW.state = 'approved' THEN
      NEW.approved_amount := owed;
    ELSIF NEW.state = 'sent' AND OLD.state <> 'sent' THEN
      NEW.at_bank := greatest(OLD.at_bank, owed - has);
      NEW.at_bank_since := CASE WHEN OLD.at_bank > 0 THEN OLD.at_bank_since ELSE NEW.sent_on END;
    ELSIF NEW.state = 'cancelled' THEN
      NEW.at_bank := 0;
    END IF;
    IF (NEW.approved_by IS DISTINCT FROM OLD.approved_by
        OR OLD.state IN ('draft', 'cancelled') AND NEW.state IN ('approved', 'paid'))
       AND NEW.approved_by IN (SELECT claim_makers(NEW.claim_id)) THEN
      RAISE EXCEPTION 'who made a claim what it is does not approve it' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.paid > OLD.paid OR OLD.state <> 'recoverable_from_person' THEN
    NEW.at_bank := greatest(0, OLD.at_bank - (NEW.paid - OLD.paid));
  END IF;
  NEW.state := CASE
    WHEN has > owed THEN 'recoverable_from_person'
    WHEN NEW.gross = 0 THEN 'reversed'
    WHEN owed = 0 AND OLD.state IN ('draft', 'cancelled') THEN OLD.state
    WHEN has = owed THEN 'paid'
    WHEN OLD.state = 'draft' OR owed > greatest(OLD.gross - OLD.deducted, coalesce(OLD.approved_amount, 0)) THEN 'draft'
    WHEN OLD.state = 'approved' THEN 'approved'
    WHEN has > 0 THEN 'part_paid'
    WHEN OLD.state IN ('recoverable_from_person', 'reversed') THEN 'draft'
    WHEN NEW.paid < OLD.paid THEN 'returned'
    WHEN OLD.state = 'paid' THEN 'draft'
    ELSE NEW.state END;
  IF NEW.state IN ('draft', 'reversed') THEN
    NEW.approved_amount := NULL;
  END IF;
  IF NEW.state = 'draft' AND has = 0 AND NEW.at_bank = 0 THEN
    NEW.approved_by := NULL;
    NEW.approved_on := NULL;
  END IF;
  RETURN NEW;
END $$;

ALTER FUNCTION claim_derived OWNER TO onestop_settler;
