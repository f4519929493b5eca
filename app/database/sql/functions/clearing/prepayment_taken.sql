-- What orders took of a prepayment, drafts included, is the sum of what is written down of them.
-- Called by the trigger prepayment_offset_taken.
CREATE FUNCTION prepayment_taken() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE prepayment SET offset_amount = offset_amount + NEW.amount WHERE prepayment_id = NEW.prepayment_id;
  RETURN NULL;
END $$;

ALTER FUNCTION prepayment_taken OWNER TO onestop_settler;
