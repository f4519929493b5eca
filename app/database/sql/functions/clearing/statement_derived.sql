-- Nobody writes a statement's state: it is what statement_state() says. A statement is withdrawn once, while no part of
-- it is in progress, and nothing is recorded of it afterwards.
-- Called by the trigger statement_derived, before only_moves().
CREATE FUNCTION statement_derived() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  derived text;
BEGIN
  IF OLD.withdrawn_on IS NOT NULL AND to_jsonb(OLD) <> to_jsonb(NEW) THEN
    RAISE EXCEPTION 'a withdrawn statement stays as it is' USING ERRCODE = 'restrict_violation';
  ELSIF NEW.withdrawn_on IS NOT NULL AND (NEW.approved_on IS NOT NULL
                                          OR EXISTS (SELECT FROM parts_in_progress(NEW.statement_id))) THEN
    RAISE EXCEPTION 'a statement with a part in progress is not withdrawn' USING ERRCODE = 'restrict_violation';
  ELSIF NEW.approved_on IS NOT NULL AND OLD.approved_on IS NULL AND (
      NEW.approved_by IS NULL OR NEW.approved_by = NEW.subject OR let_in_by_other(NEW.subject, NEW.approved_by)
      OR EXISTS (SELECT FROM statement_part p WHERE p.statement_id = NEW.statement_id)) THEN
    RAISE EXCEPTION 'a statement without parts is approved by another' USING ERRCODE = 'restrict_violation';
  END IF;
  derived := statement_state(NEW);
  IF NEW.state NOT IN (OLD.state, derived) THEN
    RAISE EXCEPTION 'a statement''s state is that of its parts' USING ERRCODE = 'restrict_violation';
  END IF;
  NEW.state := derived;
  RETURN NEW;
END $$;

ALTER FUNCTION statement_derived OWNER TO onestop_settler;
