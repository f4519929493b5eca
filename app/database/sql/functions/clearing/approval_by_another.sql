-- Who declared a statement doesn't approve it.
-- Called by the trigger statement_approval_by_another.
CREATE FUNCTION approval_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM statement s WHERE s.statement_id = NEW.statement_id AND s.subject = NEW.subject) THEN
    RAISE EXCEPTION 'maker is checker' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
