-- What is recorded of a statement moves its parts; a withdrawal lets its postings go.
-- Called by the trigger statement_followed.
CREATE FUNCTION statement_followed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE statement_part SET state = state WHERE statement_id = NEW.statement_id;
  IF NEW.withdrawn_on IS NOT NULL THEN
    UPDATE statement_item SET withdrawn = true WHERE statement_id = NEW.statement_id AND NOT withdrawn;
  END IF;
  RETURN NULL;
END $$;

ALTER FUNCTION statement_followed OWNER TO onestop_settler;
