-- One message at a time: held until the transaction ends, so that 2601 can tell whether a message still runs. False:
-- it runs.
-- Called by app/nhsa/store.py.
CREATE FUNCTION nhsa_message_lock(p_hospital text, p_infno text, p_msgid text, p_wait interval)
RETURNS boolean LANGUAGE sql AS $$
  SELECT lock_within(lock_key('nhsa_message', p_hospital || ' ' || p_infno || ' ' || p_msgid), p_wait)
$$;

GRANT EXECUTE ON FUNCTION nhsa_message_lock TO onestop_app;
