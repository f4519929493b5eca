-- Who made a claim what it is: whoever settled, and whoever raised it by a correction. None of them approves it.
-- Called by claim_derived(), app/clearing/claim.py.
CREATE FUNCTION claim_makers(p_claim_id bigint) RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT DISTINCT t.subject FROM transfer t JOIN account a ON a.account_id = t.credit_account
    JOIN claim k ON a.path = format('area:%s/fund:%s/payable/claim:clm_%s', k.area_code, k.fund, k.claim_id)
   WHERE k.claim_id = p_claim_id AND t.event IN ('settlement', 'adjustment', 'deduction_reversed')
     AND t.settlement_id IN (SELECT s.settlement_id FROM settlement s
                              WHERE k.settlement_id IN (s.settlement_id, s.of_settlement_id))
$$;

ALTER FUNCTION claim_makers OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION claim_makers TO onestop_app;
