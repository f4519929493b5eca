-- An order is made of an approved part of a statement that stands, for what was approved of it; it isn't cancelled once
-- its deposit was released to the hospital; and what is repaid of it was carried and is taken by nobody.
-- Called by the trigger disbursement_guarded.
CREATE FUNCTION order_guarded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM FROM statement s WHERE s.statement_id = NEW.statement_id FOR UPDATE;
    IF NEW.part_id IS NOT NULL AND NOT EXISTS (
      SELECT FROM statement_part p JOIN statement s USING (statement_id)
       WHERE p.part_id = NEW.part_id AND p.approved_by IS NOT NULL AND s.withdrawn_on IS NULL
         AND NEW.gross = p.amount - (SELECT coalesce(sum(d.upheld), 0) FROM deduction d
           WHERE d.part_id = p.part_id)) THEN
      RAISE EXCEPTION 'an order is of an approved part' USING ERRCODE = 'restrict_violation';
    END IF;
  ELSIF NEW.state = 'cancelled' AND OLD.state <> 'cancelled' AND OLD.released_by IS NOT NULL THEN
    RAISE EXCEPTION 'the deposit of this order was released' USING ERRCODE = 'restrict_violation';
  ELSIF NEW.repaid <> OLD.repaid AND (NEW.repaid < OLD.repaid OR OLD.taken_by IS NOT NULL) THEN
    RAISE EXCEPTION 'what another order took is not repaid' USING ERRCODE = 'restrict_violation';
  ELSIF NEW.taken_by IS NOT NULL AND OLD.taken_by IS NOT NULL AND NEW.taken_by <> OLD.taken_by THEN
    RAISE EXCEPTION 'what was carried is taken once' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

ALTER FUNCTION order_guarded OWNER TO onestop_settler;
