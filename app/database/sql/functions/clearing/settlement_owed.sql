-- What a fund owes for a settlement, to the hospital or on a person's claims: its postings on their payable accounts for
-- the settlement and its corrections, fen. A recovery leaves the hospital what it was owed.
-- Called by deduction_guarded(), deductions_fit(), app/clearing/owed.py, the proof of the ledger.
CREATE FUNCTION settlement_owed(p_settlement_id bigint, p_fund text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(sum(CASE WHEN c.kind = 'payable' THEN t.amount ELSE 0 END
                      - CASE WHEN d.kind = 'payable' THEN t.amount ELSE 0 END), 0)::bigint
    FROM transfer t JOIN account c ON c.account_id = t.credit_account JOIN account d ON d.account_id = t.debit_account
   WHERE t.settlement_id IN (SELECT s.settlement_id FROM settlement s
                              WHERE p_settlement_id IN (s.settlement_id, s.of_settlement_id))
     AND t.fund = p_fund AND t.event IN ('settlement', 'adjustment', 'reversal', 'recovery')
     AND (c.kind = 'payable' AND c.party ~ '^(hospital|claim):' OR d.kind = 'payable' AND d.party ~ '^(hospital|claim):')
$$;

ALTER FUNCTION settlement_owed OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION settlement_owed TO onestop_app;
