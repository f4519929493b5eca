-- What counts of a visit is set by its state and nothing moves backwards but by a withdrawal.
-- Called by the trigger nhsa_visit_move.
CREATE FUNCTION nhsa_visit_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state = 'withdrawn' OR (OLD.state, NEW.state) = ('discharged', 'withdrawn') THEN
    RAISE EXCEPTION 'a % visit can not become %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
