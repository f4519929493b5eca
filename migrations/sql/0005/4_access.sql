-- Whose rows: by hospital and area as everywhere; what is of one fund also by the token's funds.
DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['statement', 'reconciliation'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', wanted);
    EXECUTE format('CREATE POLICY %I ON %I TO onestop_app USING (reaches(hospital_code, area_code, hospital_area))',
                   wanted || '_reach', wanted);
  END LOOP;
  FOREACH wanted IN ARRAY ARRAY['difference', 'deduction', 'disbursement', 'prepayment', 'deposit_release'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', wanted);
    EXECUTE format('CREATE POLICY %I ON %I TO onestop_app USING (reaches(hospital_code, area_code, hospital_area) AND reaches_fund(fund))',
                   wanted || '_reach', wanted);
  END LOOP;
  FOREACH wanted IN ARRAY ARRAY['fiscal_year_closing', 'fiscal_month', 'monthly_report'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', wanted);
    EXECUTE format('CREATE POLICY %I ON %I TO onestop_app USING (reaches(NULL, area_code, NULL))', wanted || '_reach', wanted);
  END LOOP;
  FOREACH wanted IN ARRAY ARRAY['statement_item', 'statement_total', 'statement_approval'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', wanted);
    EXECUTE format('CREATE POLICY %I ON %I TO onestop_app USING (EXISTS (SELECT FROM statement s WHERE s.statement_id = %I.statement_id))',
                   wanted || '_reach', wanted, wanted);
  END LOOP;
END $$;
ALTER TABLE payout_exception ENABLE ROW LEVEL SECURITY;
CREATE POLICY payout_exception_reach ON payout_exception TO onestop_app USING (reaches(NULL, area_code, NULL) AND reaches_fund(fund));
ALTER TABLE clearing_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY clearing_event_reach ON clearing_event FOR SELECT TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area) AND (fund IS NULL OR reaches_fund(fund)));
CREATE POLICY clearing_event_written ON clearing_event FOR INSERT TO onestop_app WITH CHECK (true);
-- A reversal answers for the deductions of what it reverses, whoever makes it.
CREATE POLICY deduction_settles ON deduction TO onestop_settler USING (true) WITH CHECK (true);
CREATE POLICY clearing_event_settles ON clearing_event FOR INSERT TO onestop_settler WITH CHECK (true);
CREATE POLICY fiscal_year_closing_settles ON fiscal_year_closing FOR SELECT TO onestop_settler USING (true);

GRANT SELECT ON statement_item, statement_total TO onestop_app;
GRANT SELECT, INSERT ON clearing_event, statement, statement_approval, reconciliation, difference,
  deduction, deposit_release, disbursement, prepayment, prepayment_offset, bank_movement, payout_exception, fiscal_year_closing,
  fiscal_month, monthly_report, family_doctor_fee, seal_block, seal_member TO onestop_app;
GRANT SELECT ON state_move TO onestop_app, onestop_settler;
GRANT UPDATE (state) ON statement TO onestop_app;
GRANT UPDATE (withdrawn) ON statement_item TO onestop_app;
GRANT UPDATE (state, resolution, resolved_by, resolved_on) ON difference TO onestop_app;
GRANT UPDATE (state, upheld, appeal_reason, appealed_by, appealed_on, outcome, decision_reason, decided_by, decided_on)
  ON deduction TO onestop_app, onestop_settler;
GRANT UPDATE (state, approved_by, approved_on) ON deposit_release, payout_exception TO onestop_app;
GRANT UPDATE (state, paid, taken_by, approved_by, approved_on, sent_by, sent_on, paid_on) ON disbursement TO onestop_app;
GRANT UPDATE (state, paid, offset_amount, returned, approved_by, approved_on, sent_by, sent_on) ON prepayment TO onestop_app;
GRANT UPDATE (state, figures, closed_by, closed_on, reopened_by, reopened_on, subject, request_id) ON fiscal_month TO onestop_app;
GRANT UPDATE (state, submitted_on, approved_by, approved_on) ON monthly_report TO onestop_app;
GRANT SELECT ON deduction, fiscal_year_closing TO onestop_settler;
GRANT INSERT ON clearing_event TO onestop_settler;

ALTER POLICY transfer_reach ON transfer USING (reaches(hospital_code, area_code, hospital_area) AND reaches_fund(fund));

CREATE POLICY statement_fills ON statement FOR SELECT TO onestop_settler USING (true);
CREATE POLICY statement_item_fills ON statement_item TO onestop_settler USING (true) WITH CHECK (true);
CREATE POLICY statement_total_fills ON statement_total TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON statement TO onestop_settler;
GRANT SELECT, INSERT ON statement_item, statement_total TO onestop_settler;

GRANT CREATE ON SCHEMA public TO onestop_settler;
ALTER FUNCTION transfers_post OWNER TO onestop_settler;
ALTER FUNCTION fiscal_year_of OWNER TO onestop_settler;
ALTER FUNCTION statement_fill OWNER TO onestop_settler;
REVOKE CREATE ON SCHEMA public FROM onestop_settler;
REVOKE EXECUTE ON FUNCTION transfers_post, statement_fill FROM PUBLIC;
GRANT EXECUTE ON FUNCTION transfers_post, statement_fill TO onestop_app;
