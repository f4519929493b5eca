-- Runs of readjudication: what stays as it was, who sees which rows, who may do what.

-- A run belongs to who acts for its area and for every fund, as a correction may concern each of them.
CREATE TRIGGER readjudication_run_kept BEFORE TRUNCATE ON readjudication_run FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER readjudication_run_moves BEFORE UPDATE OR DELETE ON readjudication_run FOR EACH ROW
  EXECUTE FUNCTION only_moves('readjudication', 'job_id', 'summary', 'fund_total', 'approved_by', 'approved_on',
    'ended_on');
CREATE TRIGGER readjudication_run_by_two BEFORE INSERT OR UPDATE OF approved_by ON readjudication_run FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();
ALTER TABLE readjudication_run ENABLE ROW LEVEL SECURITY;
CREATE POLICY readjudication_run_reach ON readjudication_run TO onestop_app
  USING (reaches(NULL, area_code, NULL) AND coalesce(current_setting('onestop.funds', true), '') = '');
GRANT SELECT, INSERT, UPDATE (state, job_id, summary, fund_total, approved_by, approved_on, ended_on)
  ON readjudication_run TO onestop_app;

CREATE TRIGGER readjudication_row_immutable BEFORE UPDATE OR DELETE ON readjudication_row FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER readjudication_row_kept BEFORE TRUNCATE ON readjudication_row FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE readjudication_row ENABLE ROW LEVEL SECURITY;
CREATE POLICY readjudication_row_reach ON readjudication_row TO onestop_app
  USING (run_id IN (SELECT r.run_id FROM readjudication_run r));
GRANT SELECT, INSERT ON readjudication_row TO onestop_app;

CREATE TRIGGER readjudication_outcome_immutable BEFORE UPDATE OR DELETE ON readjudication_outcome FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER readjudication_outcome_kept BEFORE TRUNCATE ON readjudication_outcome FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE readjudication_outcome ENABLE ROW LEVEL SECURITY;
CREATE POLICY readjudication_outcome_reach ON readjudication_outcome TO onestop_app
  USING (run_id IN (SELECT r.run_id FROM readjudication_run r));
GRANT SELECT, INSERT ON readjudication_outcome TO onestop_app;
