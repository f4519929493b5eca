-- A deduction is made of a part that isn't approved, of a statement that stands, or of a claim that waits for approval;
-- when it takes effect it takes at most what the fund still owes for the settlement beside the others. What it takes of
-- a claim is the claim's own bound (its CHECK, by deduction_followed()).
-- Called by the trigger deduction_guarded.
CREATE FUNCTION deduction_guarded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM FROM statement s WHERE s.statement_id = NEW.statement_id FOR UPDATE;
    PERFORM FROM claim k WHERE k.claim_id = NEW.claim_id FOR UPDATE;
    IF NEW.state <> 'proposed' OR NOT EXISTS (
      SELECT FROM statement_part p JOIN statement s USING (statement_id)
       WHERE p.part_id = NEW.part_id AND p.approved_by IS NULL AND s.withdrawn_on IS NULL
      UNION ALL
      SELECT FROM claim k WHERE k.claim_id = NEW.claim_id AND k.state IN ('draft', 'cancelled')) THEN
      RAISE EXCEPTION 'a deduction is of what is not approved' USING ERRCODE = 'restrict_violation';
    END IF;
  ELSIF OLD.upheld IS NULL AND NEW.upheld > 0 AND NEW.upheld > settlement_owed(NEW.settlement_id, NEW.fund) - (
      SELECT coalesce(sum(d.upheld - d.given_back), 0) FROM deduction d
       WHERE d.settlement_id = NEW.settlement_id AND d.fund = NEW.fund AND d.deduction_id <> NEW.deduction_id
         AND d.upheld > 0) THEN
    RAISE EXCEPTION 'a deduction takes at most what is owed' USING ERRCODE = 'restrict_violation';
  ELSIF NEW.upheld IS DISTINCT FROM OLD.upheld AND OLD.upheld IS NOT NULL THEN
    RAISE EXCEPTION 'a deduction takes effect once' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

ALTER FUNCTION deduction_guarded OWNER TO onestop_settler;
