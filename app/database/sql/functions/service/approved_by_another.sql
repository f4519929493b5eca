-- Who approves neither made it (a CHECK of each table) nor let the maker in, nor was let in by them. Arguments: the column
-- of who checks, then those of the makers; approved_by and subject without any.
-- Called by the triggers *_by_two.
CREATE FUNCTION approved_by_another() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  n CONSTANT jsonb NOT NULL := to_jsonb(NEW);
  v_checker CONSTANT text := n ->> coalesce(TG_ARGV[0], 'approved_by');
BEGIN
  IF (SELECT bool_or(let_in_by_other(n ->> maker, v_checker))
        FROM unnest(CASE WHEN TG_NARGS > 1 THEN TG_ARGV[1:] ELSE ARRAY['subject'] END) maker) THEN
    RAISE EXCEPTION 'one of the two people let the other in' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

ALTER FUNCTION approved_by_another OWNER TO onestop_settler;
