-- An item of a statement changes once: when its statement is withdrawn.
-- Called by the trigger statement_item_moves.
CREATE FUNCTION only_withdrawn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NOT OLD.withdrawn AND NEW.withdrawn AND OLD.transfer_id = NEW.transfer_id
     AND OLD.statement_id = NEW.statement_id THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'statement_item: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
