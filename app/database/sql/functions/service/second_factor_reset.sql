-- Asks for the reset of a user's second factor, or does what another administrator asked for: true when it is reset, false
-- while another has still to ask. Nobody resets their own, and neither of the two let the other in.
-- Called by app/finance/second_factor.py.
CREATE FUNCTION second_factor_reset(p_name text, p_subject text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  asked_by text;
BEGIN
  SELECT reset_by INTO STRICT asked_by FROM second_factor WHERE name = p_name FOR UPDATE;
  IF p_name = p_subject OR let_in_by_other(asked_by, p_subject) THEN
    RAISE EXCEPTION 'a second factor is reset by two other people' USING ERRCODE = 'restrict_violation';
  END IF;
  IF asked_by IS NULL OR asked_by = p_subject THEN
    UPDATE second_factor SET reset_by = p_subject WHERE name = p_name;
    RETURN false;
  END IF;
  DELETE FROM second_factor WHERE name = p_name;
  RETURN true;
END $$;

ALTER FUNCTION second_factor_reset OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION second_factor_reset TO onestop_app;
