-- Raises OS001 unless the connection works as onestop_app, under row-level security and with time limits. All of these
-- are attributes of the login (roles.sql), but a pooler, or another login, may come without them.
-- Called by request_open(), service_open(), app/service/health.py.
CREATE FUNCTION connection_checked() RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF coalesce(nullif(current_setting('role'), 'none'), session_user) <> 'onestop_app'
     OR current_setting('row_security') <> 'on' OR current_setting('statement_timeout') = '0'
     OR current_setting('lock_timeout') = '0' OR current_setting('idle_in_transaction_session_timeout') = '0' THEN
    RAISE EXCEPTION 'the connection is of %, row security %, limits %, %, %: it has to be of onestop_app, with limits',
      coalesce(nullif(current_setting('role'), 'none'), session_user), current_setting('row_security'),
      current_setting('statement_timeout'), current_setting('lock_timeout'),
      current_setting('idle_in_transaction_session_timeout') USING ERRCODE = 'OS001';
  END IF;
END $$;

GRANT EXECUTE ON FUNCTION connection_checked TO onestop_app, onestop_settler;
