-- Nobody writes a part's state: it is what part_state() says. A part is approved once, by another than who declared, of
-- whom neither let the other in, on a statement that stands, without open differences and deductions.
-- Called by the trigger statement_part_derived, before only_moves().
CREATE FUNCTION part_derived() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  s statement;
  derived text;
BEGIN
  SELECT * INTO STRICT s FROM statement WHERE statement_id = NEW.statement_id FOR UPDATE;
  IF OLD.approved_by IS NOT NULL AND NEW.approved_by IS DISTINCT FROM OLD.approved_by THEN
    RAISE EXCEPTION 'a part is approved once' USING ERRCODE = 'restrict_violation';
  ELSIF OLD.approved_by IS NULL AND NEW.approved_by IS NOT NULL THEN
    IF NEW.approved_by = s.subject OR let_in_by_other(s.subject, NEW.approved_by) THEN
      RAISE EXCEPTION 'maker is checker' USING ERRCODE = 'check_violation';
    ELSIF s.withdrawn_on IS NOT NULL
       OR EXISTS (SELECT FROM deduction d WHERE d.part_id = NEW.part_id AND d.state IN ('proposed', 'appealed'))
       OR EXISTS (SELECT FROM difference f WHERE f.statement_id = NEW.statement_id AND f.fund = NEW.fund
                     AND f.state = 'open') THEN
      RAISE EXCEPTION 'a part is approved when nothing of it is open' USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  derived := part_state(NEW, s);
  IF NEW.state NOT IN (OLD.state, derived) THEN
    RAISE EXCEPTION 'a part''s state is that of its order and its approval' USING ERRCODE = 'restrict_violation';
  END IF;
  NEW.state := derived;
  RETURN NEW;
END $$;

ALTER FUNCTION part_derived OWNER TO onestop_settler;
