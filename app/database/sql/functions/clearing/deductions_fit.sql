-- After corrections: what they made excessive of deductions is given back, first of lines, then of each claim, then of
-- the whole settlement; deductions still argued about end with a reversal that leaves nothing owed. p_entries are the
-- corrections' rows; p_lines says what a fund would lose if the rest of a deducted line were refunded now.
-- Called by app/settlement/deducted.py in the correction's own transaction.
CREATE FUNCTION deductions_fit(p_entries bigint[], p_lines jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  e settlement;
  x record;
BEGIN
  FOR e IN SELECT s.* FROM settlement s WHERE s.settlement_id = ANY (p_entries) AND s.of_settlement_id IS NOT NULL
              AND EXISTS (SELECT FROM deduction d WHERE d.settlement_id = s.of_settlement_id) ORDER BY s.entry_no LOOP
    FOR x IN
      SELECT l.line_no, l.fund, sum(d.upheld - d.given_back)::bigint - max(l.owed) AS excess
        FROM jsonb_to_recordset(p_lines) AS l(settlement_id bigint, line_no integer, fund text, owed bigint)
        JOIN deduction d ON d.settlement_id = l.settlement_id AND d.line_no = l.line_no AND d.fund = l.fund
         AND d.upheld > d.given_back
       WHERE l.settlement_id = e.of_settlement_id GROUP BY 1, 2 ORDER BY 1, 2 LOOP
      PERFORM deduction_given_back(e, x.fund, x.line_no, NULL, x.excess);
    END LOOP;
    FOR x IN
      SELECT k.fund, k.claim_id, sum(d.upheld - d.given_back)::bigint - k.gross AS excess
        FROM deduction d JOIN claim k USING (claim_id)
       WHERE d.settlement_id = e.of_settlement_id AND d.upheld > d.given_back GROUP BY k.claim_id ORDER BY k.claim_id LOOP
      PERFORM deduction_given_back(e, x.fund, NULL, x.claim_id, x.excess);
    END LOOP;
    FOR x IN
      SELECT d.fund, sum(d.upheld - d.given_back)::bigint
                     - greatest(settlement_owed(e.of_settlement_id, d.fund), 0) AS excess
        FROM deduction d WHERE d.settlement_id = e.of_settlement_id AND d.upheld > d.given_back
       GROUP BY 1 ORDER BY 1 LOOP
      PERFORM deduction_given_back(e, x.fund, NULL, NULL, x.excess);
    END LOOP;
    IF e.kind = 'reversal' THEN
      FOR x IN SELECT d.* FROM deduction d
                WHERE d.settlement_id = e.of_settlement_id AND d.state IN ('proposed', 'appealed')
                  AND settlement_owed(d.settlement_id, d.fund) <= 0 ORDER BY d.deduction_id FOR UPDATE LOOP
        UPDATE deduction SET state = 'lapsed', upheld = 0 WHERE deduction_id = x.deduction_id;
        INSERT INTO clearing_event (object_id, move, reason, amount, business_at, hospital_code, hospital_area,
                                    area_code, fund, subject, request_id)
        VALUES ('ded_' || x.deduction_id, 'lapsed', e.reason, x.amount, e.settled_at, x.hospital_code, x.hospital_area,
                x.area_code, x.fund, current_setting('onestop.subject'), current_setting('onestop.request_id'));
      END LOOP;
    END IF;
  END LOOP;
END $$;

ALTER FUNCTION deductions_fit OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION deductions_fit TO onestop_app;
