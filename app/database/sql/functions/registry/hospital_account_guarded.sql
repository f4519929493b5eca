-- An account holds by another person's approval; at once only in the transaction that creates its hospital.
-- Called by the trigger hospital_account_guarded.
CREATE FUNCTION hospital_account_guarded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.state = 'approved' AND OLD.state <> 'approved' AND NEW.approved_by IS NULL
     OR TG_OP = 'INSERT' AND NEW.state <> 'pending' AND (
       EXISTS (SELECT FROM hospital_account a WHERE a.hospital_code = NEW.hospital_code)
       OR NOT EXISTS (
         SELECT FROM hospital h WHERE h.code = NEW.hospital_code AND h.xmin = pg_current_xact_id()::xid)) THEN
    RAISE EXCEPTION 'an account changes by two people' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
