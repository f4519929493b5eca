-- A row of a payment batch keeps what it pays, has its amount changed while its batch is a draft only, and ends once.
-- Called by the trigger payment_batch_item_guarded.
CREATE FUNCTION batch_item_guarded() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  free text[] := ARRAY['amount', 'live', 'result', 'reason', 'asked_by', 'ended_by'];
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - free = to_jsonb(NEW) - free AND OLD.live
     AND (OLD.amount = NEW.amount
          OR EXISTS (SELECT FROM payment_batch b WHERE b.batch_id = NEW.batch_id AND b.state = 'draft')) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'payment_batch_item: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
