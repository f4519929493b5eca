-- Notes that a token is in use.
-- Called by app/service/http.py, once an hour and token at most.
CREATE FUNCTION token_used(p_token_id bigint) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  UPDATE token SET last_used_at = clock_timestamp() WHERE token_id = p_token_id
$$;

ALTER FUNCTION token_used OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION token_used TO onestop_app;
