-- A payment to a hospital is sent to the account that it was approved for.
-- Called by the triggers disbursement_pinned, prepayment_pinned.
CREATE FUNCTION paid_to_pinned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state = 'sent' AND OLD.state = 'approved'
     AND NEW.account_change_id IS DISTINCT FROM hospital_account_of(NEW.hospital_code) THEN
    RAISE EXCEPTION 'the account is not the one of the approval' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
