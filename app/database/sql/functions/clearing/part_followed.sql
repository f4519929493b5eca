-- A part that moved may move its statement.
-- Called by the trigger statement_part_followed.
CREATE FUNCTION part_followed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE statement SET state = state WHERE statement_id = NEW.statement_id AND withdrawn_on IS NULL;
  RETURN NULL;
END $$;

ALTER FUNCTION part_followed OWNER TO onestop_settler;
