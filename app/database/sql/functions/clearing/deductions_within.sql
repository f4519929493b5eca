-- When a correction commits, no more is deducted of its settlement than its funds still owe, nor of its claims than they
-- come to.
-- Called by the trigger settlement_deductions_within.
CREATE FUNCTION deductions_within() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM deduction d WHERE d.settlement_id = NEW.of_settlement_id AND d.upheld > d.given_back
              GROUP BY d.fund HAVING sum(d.upheld - d.given_back) > settlement_owed(NEW.of_settlement_id, d.fund))
     OR EXISTS (SELECT FROM deduction d JOIN claim k USING (claim_id)
                 WHERE d.settlement_id = NEW.of_settlement_id AND d.upheld > d.given_back
                 GROUP BY k.claim_id HAVING sum(d.upheld - d.given_back) <> k.deducted) THEN
    RAISE EXCEPTION 'a correction gives back what it makes excessive of deductions' USING ERRCODE =
      'restrict_violation';
  END IF;
  RETURN NULL;
END $$;

ALTER FUNCTION deductions_within OWNER TO onestop_settler;
