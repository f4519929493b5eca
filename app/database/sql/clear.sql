-- Takes away all that sql/ gives: policies, triggers, functions, and the privileges of the roles. What stands in
-- the database and not in sql/ is gone for good; everything else comes back before the transaction ends. What belongs
-- to an extension, or to another schema, stays. Each table is locked until then, so that nobody works under half of it.
DO $$
DECLARE command text;
BEGIN
  FOR command IN
    SELECT d.command FROM (
      SELECT 1 AS turn, format('DROP POLICY %I ON %I', p.policyname, p.tablename) AS command
        FROM pg_policies p WHERE p.schemaname = 'public'
      UNION ALL
      SELECT 2, format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', c.oid::regclass)
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND (c.relrowsecurity OR c.relforcerowsecurity)
      UNION ALL
      SELECT 3, format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
       WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
      UNION ALL
      SELECT 4, format('DROP ROUTINE %s', p.oid::regprocedure)
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS (
          SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')) d
    ORDER BY d.turn, d.command
  LOOP
    EXECUTE command;
  END LOOP;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM onestop_app, onestop_settler, onestop_backup, PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM onestop_app, onestop_settler, onestop_backup, PUBLIC;
REVOKE ALL ON SCHEMA public FROM onestop_app, onestop_settler, onestop_backup;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO onestop_app, onestop_settler, onestop_backup;
-- Until close.sql: whoever is given a function must be able to make one.
GRANT CREATE ON SCHEMA public TO onestop_settler;
