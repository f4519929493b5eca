-- Settlements and the years they count in: what stays as it was, who sees which rows, who may do what.

CREATE TRIGGER policy_text_immutable BEFORE UPDATE OR DELETE ON policy_text FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_text_kept BEFORE TRUNCATE ON policy_text FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON policy_text TO onestop_app;

ALTER TABLE person_year ENABLE ROW LEVEL SECURITY;
CREATE POLICY person_year_reach ON person_year FOR SELECT TO onestop_app
  USING (EXISTS (SELECT FROM person p WHERE p.person_id = person_year.person_id));
CREATE POLICY person_year_settles ON person_year TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON person_year TO onestop_app;
GRANT SELECT, INSERT, UPDATE ON person_year TO onestop_settler;

CREATE TRIGGER settled_visit_immutable BEFORE UPDATE OR DELETE ON settled_visit FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settled_visit_kept BEFORE TRUNCATE ON settled_visit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE settled_visit ENABLE ROW LEVEL SECURITY;
CREATE POLICY settled_visit_reach ON settled_visit FOR SELECT TO onestop_app
  USING (EXISTS (SELECT FROM settlement s WHERE s.settlement_id = settled_visit.settlement_id));
CREATE POLICY settled_visit_settles ON settled_visit TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON settled_visit TO onestop_app;
GRANT SELECT, INSERT ON settled_visit TO onestop_settler;

-- A settlement is seen by its hospital, by the area that pays and by the area of the hospital. Only entry_write()
-- writes it.
CREATE TRIGGER settlement_immutable BEFORE UPDATE OR DELETE ON settlement FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_kept BEFORE TRUNCATE ON settlement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE CONSTRAINT TRIGGER settlement_deductions_within AFTER INSERT ON settlement DEFERRABLE INITIALLY DEFERRED FOR
  EACH ROW
  WHEN (NEW.of_settlement_id IS NOT NULL) EXECUTE FUNCTION deductions_within();
ALTER TABLE settlement ENABLE ROW LEVEL SECURITY;
CREATE POLICY settlement_reach ON settlement FOR SELECT TO onestop_app
  USING (reaches(hospital_code, paying_area, hospital_area));
CREATE POLICY settlement_settles ON settlement TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON settlement TO onestop_app;
GRANT SELECT, INSERT ON settlement TO onestop_settler;
GRANT USAGE ON SEQUENCE settlement_id TO onestop_settler;

CREATE TRIGGER settlement_older_immutable BEFORE UPDATE OR DELETE ON settlement_older FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_older_kept BEFORE TRUNCATE ON settlement_older FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE settlement_older ENABLE ROW LEVEL SECURITY;
CREATE POLICY settlement_older_reach ON settlement_older FOR SELECT TO onestop_app
  USING (EXISTS (SELECT FROM settlement s WHERE s.settlement_id = settlement_older.settlement_id));
CREATE POLICY settlement_older_settles ON settlement_older TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON settlement_older TO onestop_app;
GRANT SELECT, INSERT ON settlement_older TO onestop_settler;

-- Opened by entry_write(), closed once by the service.
CREATE TRIGGER patient_balance_kept BEFORE TRUNCATE ON patient_balance FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER patient_balance_moves BEFORE UPDATE OR DELETE ON patient_balance FOR EACH ROW
  EXECUTE FUNCTION patient_balance_move();
ALTER TABLE patient_balance ENABLE ROW LEVEL SECURITY;
CREATE POLICY patient_balance_reach ON patient_balance TO onestop_app
  USING (reaches(hospital_code, paying_area, hospital_area));
CREATE POLICY patient_balance_settles ON patient_balance FOR INSERT TO onestop_settler WITH CHECK (true);
GRANT SELECT, UPDATE (state, paid_on, reference, closed_by, closed_request_id, closed_at) ON patient_balance TO
  onestop_app;
GRANT INSERT ON patient_balance TO onestop_settler;

-- A readjudication takes its row away.
ALTER TABLE readjudication_candidate ENABLE ROW LEVEL SECURITY;
CREATE POLICY candidate_reach ON readjudication_candidate TO onestop_app
  USING (EXISTS (SELECT FROM person p WHERE p.person_id = readjudication_candidate.person_id));
GRANT SELECT, INSERT, UPDATE (amount), DELETE ON readjudication_candidate TO onestop_app;
