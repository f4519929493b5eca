-- open -> refunded | collected | waived, once. Nothing else of a balance changes, and none is removed.
-- Called by the trigger patient_balance_moves.
CREATE FUNCTION patient_balance_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.state = 'open' AND NEW.state <> 'open'
     AND to_jsonb(OLD) - ARRAY['state', 'paid_on', 'reference', 'closed_by', 'closed_request_id', 'closed_at']
       = to_jsonb(NEW) - ARRAY['state', 'paid_on', 'reference', 'closed_by', 'closed_request_id', 'closed_at'] THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'patient_balance: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
