-- Begins a session of a user: a token with exactly the user's rights, and the session that leads to it. No session of a
-- disabled user, and none longer than a week.
-- Called by app/finance/session.py after the user has proved who they are.
CREATE FUNCTION session_begin(
  p_name text, p_digest bytea, p_session_digest bytea, p_lasts interval, p_request_id text
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_id bigint;
BEGIN
  INSERT INTO token (digest, subject, scopes, hospital_code, area_code, funds, expires_at, created_by, request_id)
  SELECT p_digest, u.name, u.scopes, u.hospital_code, u.area_code, u.funds,
         clock_timestamp() + least(p_lasts, interval '7 days'), u.name, p_request_id
    FROM app_user u WHERE u.name = p_name AND u.disabled_at IS NULL
  RETURNING token_id INTO STRICT v_id;
  INSERT INTO user_session (digest, token_id, name) VALUES (p_session_digest, v_id, p_name);
END $$;

ALTER FUNCTION session_begin OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION session_begin TO onestop_app;
