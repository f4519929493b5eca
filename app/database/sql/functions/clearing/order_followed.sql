-- An order that moved moves its part, and the prepayments that it takes.
-- Called by the trigger disbursement_followed.
CREATE FUNCTION order_followed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE statement_part SET state = state WHERE part_id = NEW.part_id;
  UPDATE prepayment SET state = state
   WHERE prepayment_id IN (SELECT f.prepayment_id FROM prepayment_offset f
     WHERE f.disbursement_id = NEW.disbursement_id);
  RETURN NULL;
END $$;

ALTER FUNCTION order_followed OWNER TO onestop_settler;
