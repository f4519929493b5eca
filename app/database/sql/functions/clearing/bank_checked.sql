-- Nothing is sent after a restoration until the bank was checked, by whatever door.
-- Called by the triggers *_bank_checked.
CREATE FUNCTION bank_checked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF bank_check_pending(NEW.area_code, NEW.fund) THEN
    RAISE EXCEPTION 'the bank was not checked since the database was restored' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
