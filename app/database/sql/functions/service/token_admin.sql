-- The number of the administrator's token that the environment names, by its digest; made at its first use. It counts
-- only as long as the environment names it: nobody is found by this digest otherwise.
-- Called by app/service/tokens.py when the service starts.
CREATE FUNCTION token_admin(p_digest bytea, p_subject text) RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  INSERT INTO token (digest, subject, scopes, created_by, request_id)
  VALUES (p_digest, p_subject, ARRAY['admin'], 'environment', 'environment') ON CONFLICT (digest) DO NOTHING;
  SELECT token_id FROM token WHERE digest = p_digest
$$;

ALTER FUNCTION token_admin OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION token_admin TO onestop_app;
