-- Who approves neither made it (a CHECK of each table) nor let the maker in, nor was let in by them.
-- Called by the triggers *_by_two.
CREATE FUNCTION approved_by_another() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.approved_by IS NOT NULL AND let_in_by_other(NEW.subject, NEW.approved_by) THEN
    RAISE EXCEPTION 'one of the two people let the other in' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

ALTER FUNCTION approved_by_another OWNER TO onestop_settler;
