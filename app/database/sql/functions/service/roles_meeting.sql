-- Two roles that a subject would have with further ones and that may not meet in one person; NULL when there are none. Who
-- claims doesn't approve, who audits doesn't act. Counts the subject's living tokens and its user. Of two that are let in
-- at once the second waits and counts the first.
-- Called by app/service/subjects.py, token_issue(), user_add().
CREATE FUNCTION roles_meeting(p_subject text, p_scopes text[]) RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_scopes text[];
BEGIN
  PERFORM pg_advisory_xact_lock(lock_key('subject', p_subject));
  SELECT array_agg(scope) INTO v_scopes FROM (
    SELECT unnest(p_scopes)
    UNION SELECT unnest(t.scopes) FROM token t
     WHERE t.subject = p_subject AND t.revoked_at IS NULL
       AND coalesce(least(t.expires_at, t.replaced_until) > clock_timestamp(), true)
    UNION SELECT unnest(u.scopes) FROM app_user u WHERE u.name = p_subject AND u.disabled_at IS NULL) every (scope);
  RETURN (
    SELECT ARRAY[m.one, m.other] FROM (VALUES
      (1, 'hospital', 'finance'), (2, 'hospital', 'registry'), (3, 'hospital', 'admin'), (4, 'auditor', 'hospital'),
      (5, 'auditor', 'finance'), (6, 'auditor', 'registry'), (7, 'auditor', 'admin')) m (n, one, other)
     WHERE m.one = ANY (v_scopes) AND m.other = ANY (v_scopes) ORDER BY m.n LIMIT 1);
END $$;

ALTER FUNCTION roles_meeting OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION roles_meeting TO onestop_app;
