-- Ends the applying: row-level security binds the owner too, who has a policy of their own on every table, as the
-- backup has; no function is everybody's, and onestop_settler can't make any.
DO $$
DECLARE bound regclass;
BEGIN
  FOR bound IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity LOOP
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', bound);
    EXECUTE format('CREATE POLICY owner ON %s TO onestop_owner USING (true) WITH CHECK (true)', bound);
    EXECUTE format('CREATE POLICY backup ON %s FOR SELECT TO onestop_backup USING (true)', bound);
  END LOOP;
END $$;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO onestop_backup;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO onestop_backup;

DO $$
DECLARE made regprocedure;
BEGIN
  FOR made IN
    SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS (
      SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
  LOOP
    EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', made);
  END LOOP;
END $$;
REVOKE CREATE ON SCHEMA public FROM onestop_settler;
