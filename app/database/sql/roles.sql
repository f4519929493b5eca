-- Two roles without login, in the whole cluster. Neither owns a table. The service connects as the owner's login and
-- works as onestop_app; onestop_settler owns the functions that write settlements and the ledger, and nothing else.
DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['onestop_app', 'onestop_settler'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration was faster
      END;
    END IF;
    -- A login that lost CREATEROLE since may still migrate: it has the roles.
    IF current_setting('is_superuser') = 'on' OR NOT pg_has_role(CURRENT_USER, wanted, 'USAGE') THEN
      EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
    END IF;
  END LOOP;
END $$;
