-- A claim's state follows its money: what a correction takes back is reversed, or recoverable once it was paid; what a
-- correction adds is a draft again that another person approves; what was sent is part_paid, paid or returned as the bank
-- says; money that the person gives back closes what was recoverable.
-- Called by the trigger claim_derived, before only_moves().
CREATE FUNCTION claim_derived() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  owed bigint := NEW.gross - NEW.deducted;
  has bigint := NEW.paid;
BEGIN
  IF (NEW.gross, NEW.deducted, NEW.paid) = (OLD.gross, OLD.deducted, OLD.paid) THEN
    RETURN NEW;
  END IF;
  NEW.state := CASE
    WHEN has > owed THEN 'recoverable_from_person'
    WHEN owed = 0 AND (OLD.gross - OLD.deducted > 0 OR OLD.state IN ('recoverable_from_person', 'reversed')) THEN 'reversed'
    WHEN owed > OLD.gross - OLD.deducted AND has < owed THEN 'draft'
    WHEN has = owed THEN 'paid'
    WHEN has > 0 THEN 'part_paid'
    WHEN NEW.paid < OLD.paid THEN 'returned'
    WHEN OLD.state = 'recoverable_from_person' THEN 'draft'
    ELSE NEW.state END;
  IF NEW.state = 'draft' THEN
    NEW.approved_by := NULL;
    NEW.approved_on := NULL;
  END IF;
  RETURN NEW;
END $$;

ALTER FUNCTION claim_derived OWNER TO onestop_settler;
