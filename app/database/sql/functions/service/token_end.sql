-- Ends a token for good; one that has ended stays as it ended.
-- Called by app/service/tokens.py.
CREATE FUNCTION token_end(p_token_id bigint, p_by text) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  UPDATE token SET revoked_at = clock_timestamp(), revoked_by = p_by WHERE token_id = p_token_id AND revoked_at IS NULL
$$;

ALTER FUNCTION token_end OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION token_end TO onestop_app;
