-- A claim has what stands of its deductions taken off. More than it comes to is only there until deductions_fit() has
-- given it back, within the correction that lowered the claim.
-- Called by the trigger deduction_followed.
CREATE FUNCTION deduction_followed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_deducted bigint := (SELECT coalesce(sum(d.upheld - d.given_back), 0) FROM deduction d
                         WHERE d.claim_id = NEW.claim_id AND d.upheld > 0);
BEGIN
  UPDATE claim SET deducted = CASE WHEN NEW.given_back > OLD.given_back THEN least(v_deducted, gross) ELSE v_deducted END
   WHERE claim_id = NEW.claim_id AND deducted <> v_deducted;
  RETURN NULL;
END $$;

ALTER FUNCTION deduction_followed OWNER TO onestop_settler;
