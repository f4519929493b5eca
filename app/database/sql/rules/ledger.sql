-- The ledger and its seals: what stays as it was, who sees which rows, who may do what.

-- Accounts come into being with their first posting. Those of a hospital are its own and the offices' to see; no other
-- says whose it is.
CREATE TRIGGER account_immutable BEFORE UPDATE OR DELETE ON account FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_kept BEFORE TRUNCATE ON account FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE account ENABLE ROW LEVEL SECURITY;
CREATE POLICY account_reach ON account FOR SELECT TO onestop_app
  USING (CASE current_setting('onestop.reach', true)
           WHEN 'all' THEN true
           WHEN 'area' THEN true
           WHEN 'hospital' THEN NOT starts_with(party, 'hospital:')
                             OR party = 'hospital:' || current_setting('onestop.hospital', true)
           ELSE false END);
CREATE POLICY account_settles ON account TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON account TO onestop_app;
GRANT SELECT, INSERT ON account TO onestop_settler;

-- As settlements are seen, and by the token's funds. Only entry_write() and transfers_post() write it.
CREATE TRIGGER transfer_immutable BEFORE UPDATE OR DELETE ON transfer FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_kept BEFORE TRUNCATE ON transfer FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE CONSTRAINT TRIGGER transfer_backed AFTER INSERT ON transfer DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.event IN ('payment', 'prepayment', 'payment_returned', 'prepayment_returned', 'carry_repaid'))
  EXECUTE FUNCTION money_backed();
ALTER TABLE transfer ENABLE ROW LEVEL SECURITY;
CREATE POLICY transfer_reach ON transfer FOR SELECT TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area) AND reaches_fund(fund));
CREATE POLICY transfer_settles ON transfer TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON transfer TO onestop_app;
GRANT SELECT, INSERT ON transfer TO onestop_settler;
GRANT USAGE ON SEQUENCE transfer_id TO onestop_settler;

-- Written by the elected process. A seal is never taken back.
CREATE TRIGGER seal_block_immutable BEFORE UPDATE OR DELETE ON seal_block FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seal_block_kept BEFORE TRUNCATE ON seal_block FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON seal_block TO onestop_app;

CREATE TRIGGER seal_member_immutable BEFORE UPDATE OR DELETE ON seal_member FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seal_member_kept BEFORE TRUNCATE ON seal_member FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON seal_member TO onestop_app;

CREATE TRIGGER seal_pass_immutable BEFORE UPDATE OR DELETE ON seal_pass FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seal_pass_kept BEFORE TRUNCATE ON seal_pass FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON seal_pass TO onestop_app;
GRANT SELECT, INSERT, UPDATE ON seal_verified TO onestop_app;

-- A finding stays for ever; only that it was mended is added. What two people said of it stays as it was said.
CREATE TRIGGER seal_finding_immutable BEFORE UPDATE ON seal_finding FOR EACH ROW
  WHEN (OLD.mended_at IS NOT NULL OR to_jsonb(NEW) - 'mended_at' IS DISTINCT FROM to_jsonb(OLD) - 'mended_at')
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seal_finding_stays BEFORE DELETE ON seal_finding FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seal_finding_kept BEFORE TRUNCATE ON seal_finding FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT, UPDATE (mended_at) ON seal_finding TO onestop_app;

CREATE TRIGGER seal_acknowledgement_immutable BEFORE UPDATE OR DELETE ON seal_acknowledgement FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seal_acknowledgement_kept BEFORE TRUNCATE ON seal_acknowledgement FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seal_acknowledgement_by_two BEFORE INSERT ON seal_acknowledgement FOR EACH ROW
  EXECUTE FUNCTION approved_by_another('subject', 'maker');
GRANT SELECT, INSERT ON seal_acknowledgement TO onestop_app;

-- Sums of transfers are seen as transfers are. Only postings_roll() and statement_fill() write them.
ALTER TABLE posting_sum ENABLE ROW LEVEL SECURITY;
CREATE POLICY posting_sum_reach ON posting_sum FOR SELECT TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area) AND reaches_fund(fund));
CREATE POLICY posting_sum_rolls ON posting_sum TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON posting_sum TO onestop_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON posting_sum TO onestop_settler;
GRANT SELECT ON posting_roll TO onestop_app;
GRANT SELECT, INSERT, DELETE ON posting_roll TO onestop_settler;

CREATE TRIGGER statement_sum_immutable BEFORE UPDATE OR DELETE ON statement_sum FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_sum_kept BEFORE TRUNCATE ON statement_sum FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE statement_sum ENABLE ROW LEVEL SECURITY;
CREATE POLICY statement_sum_reach ON statement_sum FOR SELECT TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area) AND reaches_fund(fund));
CREATE POLICY statement_sum_fills ON statement_sum TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON statement_sum TO onestop_app;
GRANT SELECT, INSERT ON statement_sum TO onestop_settler;
