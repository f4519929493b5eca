-- Takes an advisory lock until the transaction ends; false when somebody else still has it after p_wait.
-- Called by request_open(), nhsa_message_lock().
CREATE FUNCTION lock_within(p_key bigint, p_wait interval) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  give_up timestamptz := clock_timestamp() + p_wait;
BEGIN
  WHILE NOT pg_try_advisory_xact_lock(p_key) LOOP
    IF clock_timestamp() > give_up THEN
      RETURN false;
    END IF;
    PERFORM pg_sleep(0.01);
  END LOOP;
  RETURN true;
END $$;

GRANT EXECUTE ON FUNCTION lock_within TO onestop_app, onestop_settler;
