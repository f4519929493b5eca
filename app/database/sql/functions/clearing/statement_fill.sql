-- Takes into a statement every posting of its hospital's payable account, of its month or earlier, that no statement
-- has, and sums them, and makes its parts. A deduction of a withdrawn statement counts among them: what was given back
-- of it does too. It works with every fund in sight, whoever declares.
-- Called by app/clearing/statement.py when a statement is declared.
CREATE FUNCTION statement_fill(p_statement_id bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  s statement;
  mine bigint[];
  taken bigint[];
BEGIN
  SELECT * INTO STRICT s FROM statement WHERE statement_id = p_statement_id;
  IF NOT coalesce(reaches(s.hospital_code, s.area_code, s.hospital_area), false) OR s.state <> 'declared'
     OR EXISTS (SELECT FROM statement_item i WHERE i.statement_id = p_statement_id) THEN
    RAISE EXCEPTION 'statement out of reach' USING ERRCODE = 'insufficient_privilege';
  END IF;
  mine := ARRAY(
    SELECT a.account_id FROM account a WHERE a.kind = 'payable' AND a.party = 'hospital:' || s.hospital_code);
  -- Looked for before anything is written: an INSERT that reads its own growing table can take the square of the time.
  taken := ARRAY(
    SELECT t.transfer_id FROM transfer t
     WHERE t.hospital_code = s.hospital_code AND t.area_code = s.area_code AND t.period <= s.period
       AND (t.event IN ('settlement', 'reversal', 'adjustment', 'recovery', 'deduction_reversed', 'family_doctor')
            OR t.event = 'deduction' AND EXISTS (
                 SELECT FROM statement w WHERE w.statement_id = t.statement_id AND w.withdrawn_on IS NOT NULL))
       AND (t.debit_account = ANY (mine) OR t.credit_account = ANY (mine))
       AND NOT EXISTS (SELECT FROM statement_item i WHERE i.transfer_id = t.transfer_id AND NOT i.withdrawn));
  INSERT INTO statement_item (statement_id, transfer_id) SELECT s.statement_id, unnest(taken);
  INSERT INTO statement_total (statement_id, fund, tier, clr_type, fiscal_year, postings, settlements, amount)
  SELECT s.statement_id, t.fund, t.tier, t.clr_type, t.fiscal_year, count(*), count(DISTINCT t.settlement_id),
         sum(CASE WHEN t.credit_account = ANY (mine) THEN t.amount ELSE -t.amount END)
    FROM unnest(taken) x(transfer_id) JOIN transfer t USING (transfer_id)
   GROUP BY t.fund, t.tier, t.clr_type, t.fiscal_year;
  PERFORM statement_summed(s.statement_id);
  INSERT INTO statement_part (statement_id, fund, fiscal_year, amount, hospital_code, hospital_area, area_code,
    subject, request_id)
  SELECT s.statement_id, t.fund, t.fiscal_year, sum(t.amount), s.hospital_code, s.hospital_area, s.area_code,
    s.subject, s.request_id
    FROM statement_total t WHERE t.statement_id = s.statement_id GROUP BY t.fund, t.fiscal_year;
END $$;

ALTER FUNCTION statement_fill OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION statement_fill TO onestop_app;
