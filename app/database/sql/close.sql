-- Ends the applying: no function is everybody's, and onestop_settler can't make any.
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
