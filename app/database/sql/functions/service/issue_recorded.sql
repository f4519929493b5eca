-- Writes down who let whom in: by a token, as a user, or with another password. Who does it is the request's subject, or
-- the machine's own command.
-- Called by the triggers token_issued, app_user_issued.
CREATE FUNCTION issue_recorded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  n CONSTANT jsonb NOT NULL := to_jsonb(NEW);
  v_subject CONSTANT text NOT NULL := coalesce(n ->> 'subject', n ->> 'name');
  v_issuer CONSTANT text NOT NULL := CASE TG_OP WHEN 'INSERT' THEN n ->> 'created_by'
    ELSE coalesce(nullif(current_setting('onestop.subject', true), ''), 'cli') END;
BEGIN
  IF v_issuer <> v_subject THEN
    INSERT INTO issue (issuer, subject, kind, request_id)
    VALUES (v_issuer, v_subject,
            CASE WHEN TG_TABLE_NAME = 'token' THEN 'token' WHEN TG_OP = 'INSERT' THEN 'user' ELSE 'password' END,
            coalesce(nullif(current_setting('onestop.request_id', true), ''), n ->> 'request_id'));
  END IF;
  RETURN NULL;
END $$;

ALTER FUNCTION issue_recorded OWNER TO onestop_settler;
