-- Issues another token with the rights of a living one, which goes on for p_overlap at most. The new one lives for
-- p_life from now, or without end where the former had none. No row when the former has ended or was replaced before,
-- stands behind a login, or is the environment's. Who replaces their own token hasn't issued it: whoever did, did.
-- Called by app/service/tokens.py.
CREATE FUNCTION token_rotate(
  p_token_id bigint, p_digest bytea, p_overlap interval, p_life interval, p_by text, p_request_id text
) RETURNS TABLE (token_id bigint, expires_at timestamptz, former_until timestamptz) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  t token;
BEGIN
  SELECT * INTO t FROM token o WHERE o.token_id = p_token_id AND o.revoked_at IS NULL AND o.replaced_until IS NULL
     AND (o.expires_at IS NULL OR o.expires_at > clock_timestamp()) AND o.created_by <> 'environment'
     AND NOT EXISTS (SELECT FROM user_session s WHERE s.token_id = o.token_id) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  t.replaced_until := least(clock_timestamp() + p_overlap, t.expires_at);
  UPDATE token o SET replaced_until = t.replaced_until WHERE o.token_id = p_token_id;
  RETURN QUERY
  INSERT INTO token (digest, subject, scopes, hospital_code, area_code, funds, expires_at, created_by, request_id)
  VALUES (p_digest, t.subject, t.scopes, t.hospital_code, t.area_code, t.funds,
          CASE WHEN t.expires_at IS NOT NULL THEN clock_timestamp() + p_life END,
          CASE p_by WHEN t.subject THEN t.created_by ELSE p_by END, p_request_id)
  RETURNING token_id, expires_at, t.replaced_until;
END $$;

ALTER FUNCTION token_rotate OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION token_rotate TO onestop_app;
