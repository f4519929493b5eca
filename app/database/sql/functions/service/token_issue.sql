-- Issues a token and says its number. Within a request only an unrestricted administrator's may; without one it is the
-- machine's own command. Where p_strict, roles that may not meet in one subject are refused. A token without an end is for a hospital's system only. Nothing of the row but its end, by
-- token_end() or token_rotate(), and its last use changes afterwards.
-- Called by app/service/tokens.py.
CREATE FUNCTION token_issue(
  p_digest bytea, p_subject text, p_scopes text[], p_hospital text, p_area text, p_funds text[],
  p_expires_at timestamptz, p_created_by text, p_request_id text,
  p_strict boolean
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_id bigint;
BEGIN
  IF coalesce(current_setting('onestop.reach', true), '') <> ''
     AND coalesce(current_setting('onestop.admin', true), '') <> 'true' THEN
    RAISE EXCEPTION 'only an unrestricted administrator issues tokens' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF p_strict AND roles_meeting(p_subject, p_scopes) IS NOT NULL THEN
    RAISE EXCEPTION 'roles that may not meet in one subject' USING ERRCODE = 'restrict_violation';
  END IF;
  INSERT INTO token (digest, subject, scopes, hospital_code, area_code, funds, expires_at, created_by, request_id)
  VALUES (p_digest, p_subject, p_scopes, p_hospital, p_area, p_funds, p_expires_at, p_created_by, p_request_id)
  RETURNING token_id INTO v_id;
  RETURN v_id;
END $$;

ALTER FUNCTION token_issue OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION token_issue TO onestop_app;
