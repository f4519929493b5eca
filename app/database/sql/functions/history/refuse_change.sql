-- What happened stays. Wrong? Post the reversal, then the right one.
-- Called by the triggers *_immutable and *_kept (rules/).
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
