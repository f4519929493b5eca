-- The four roles, in the whole cluster, and what the database grants them. onestop_owner owns everything and migrates.
-- onestop_app is the service's login: it owns nothing, is a member of nothing, and its limits are attributes of the
-- login, since a pooler may drop what a connection asks for. onestop_settler, to which nobody logs in, owns the
-- functions that write what the service may not. onestop_backup reads everything. No password is set here.
-- A superuser makes and grants all of it; another login needs CREATEROLE for what is missing.
DO $$
DECLARE
  wanted record;
  granted text;
  is_super CONSTANT boolean := current_setting('is_superuser') = 'on';
BEGIN
  FOR wanted IN
    SELECT * FROM (VALUES ('onestop_owner', 'LOGIN'), ('onestop_app', 'LOGIN'), ('onestop_settler', 'NOLOGIN'),
                          ('onestop_backup', 'LOGIN')) AS w(name, attributes)
  LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration was faster
      END;
    END IF;
  END LOOP;
  -- A login that lost CREATEROLE since may still migrate: the roles have what they need.
  IF NOT is_super AND NOT pg_has_role(CURRENT_USER, 'onestop_owner', 'USAGE') THEN
    GRANT onestop_owner TO CURRENT_USER;
  END IF;
  FOREACH granted IN ARRAY ARRAY['onestop_app', 'onestop_settler'] LOOP
    IF is_super OR NOT pg_has_role('onestop_owner', granted, 'USAGE') THEN
      EXECUTE format('GRANT %I TO onestop_owner', granted);
    END IF;
  END LOOP;
  FOR wanted IN
    SELECT * FROM (VALUES ('row_security', 'on'), ('statement_timeout', '30s'), ('lock_timeout', '15s'),
                          ('idle_in_transaction_session_timeout', '60s'), ('jit', 'off')) AS w(name, setting)
  LOOP
    IF NOT EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setrole = 'onestop_app'::regrole AND s.setdatabase = 0
                      AND wanted.name || '=' || wanted.setting = ANY (s.setconfig)) THEN
      EXECUTE format('ALTER ROLE onestop_app SET %I = %L', wanted.name, wanted.setting);
    END IF;
  END LOOP;
  IF EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND datdba <> 'onestop_owner'::regrole) THEN
    EXECUTE format('ALTER DATABASE %I OWNER TO onestop_owner', current_database());
  END IF;
  -- A temporary table would stand before the real one of its name in what triggers look up.
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC, onestop_app', current_database());
END $$;
