-- Adds a user, whose password is for one login. Name and rights of a user never change. Within a request only an
-- unrestricted administrator's may. Where p_strict, roles that may not meet in one subject are refused.
-- Called by app/finance/user.py.
CREATE FUNCTION user_add(
  p_name text, p_password_hash text, p_scopes text[], p_hospital text, p_area text, p_funds text[],
  p_created_by text, p_request_id text, p_strict boolean
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF coalesce(current_setting('onestop.reach', true), '') <> ''
     AND coalesce(current_setting('onestop.admin', true), '') <> 'true' THEN
    RAISE EXCEPTION 'only an unrestricted administrator adds users' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF p_strict AND roles_meeting(p_name, p_scopes) IS NOT NULL THEN
    RAISE EXCEPTION 'roles that may not meet in one subject' USING ERRCODE = 'restrict_violation';
  END IF;
  INSERT INTO app_user (name, password_hash, scopes, hospital_code, area_code, funds, must_change, created_by,
                        request_id)
  VALUES (p_name, p_password_hash, p_scopes, p_hospital, p_area, p_funds, true, p_created_by, p_request_id);
END $$;

ALTER FUNCTION user_add OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION user_add TO onestop_app;
