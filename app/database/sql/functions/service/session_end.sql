-- Ends the sessions of a user, or the one of a token, with the tokens behind them.
-- Called by app/finance/session.py.
CREATE FUNCTION session_end(p_name text, p_token_id bigint) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  UPDATE token t SET revoked_at = clock_timestamp(), revoked_by = p_name
   WHERE t.revoked_at IS NULL AND (p_token_id IS NULL OR t.token_id = p_token_id)
     AND t.token_id IN (SELECT s.token_id FROM user_session s WHERE s.name = p_name)
$$;

ALTER FUNCTION session_end OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION session_end TO onestop_app;
