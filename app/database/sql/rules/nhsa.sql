-- The national interface: what stays as it was, who sees which rows, who may do what. Rows are their hospital's.

GRANT SELECT, INSERT, DELETE ON nhsa_nonce TO onestop_app;

ALTER TABLE nhsa_session ENABLE ROW LEVEL SECURITY;
CREATE POLICY nhsa_session_reach ON nhsa_session TO onestop_app USING (reaches(hospital_code, NULL, NULL));
GRANT SELECT, INSERT, UPDATE (ended_at) ON nhsa_session TO onestop_app;

ALTER TABLE nhsa_identification ENABLE ROW LEVEL SECURITY;
CREATE POLICY nhsa_identification_reach ON nhsa_identification TO onestop_app
  USING (reaches(hospital_code, NULL, NULL));
GRANT SELECT, INSERT, UPDATE (identified_at) ON nhsa_identification TO onestop_app;

ALTER TABLE nhsa_failed_lookup ENABLE ROW LEVEL SECURITY;
CREATE POLICY nhsa_failed_lookup_reach ON nhsa_failed_lookup TO onestop_app
  USING (reaches(hospital_code, NULL, NULL));
GRANT SELECT, INSERT, DELETE ON nhsa_failed_lookup TO onestop_app;

-- A message is what was said: only its key can be taken away, or be written with a new secret.
CREATE TRIGGER nhsa_message_immutable BEFORE UPDATE OR DELETE ON nhsa_message FOR EACH ROW
  EXECUTE FUNCTION nhsa_message_kept();
ALTER TABLE nhsa_message ENABLE ROW LEVEL SECURITY;
CREATE POLICY nhsa_message_reach ON nhsa_message TO onestop_app USING (reaches(hospital_code, NULL, NULL));
GRANT SELECT, INSERT, UPDATE (key) ON nhsa_message TO onestop_app;

CREATE TRIGGER nhsa_visit_move BEFORE UPDATE OF state ON nhsa_visit FOR EACH ROW EXECUTE FUNCTION nhsa_visit_moves();
ALTER TABLE nhsa_visit ENABLE ROW LEVEL SECURITY;
CREATE POLICY nhsa_visit_reach ON nhsa_visit TO onestop_app USING (reaches(hospital_code, NULL, NULL));
GRANT SELECT, INSERT, UPDATE (med_type, matn_type, disease_code, begins_at, ends_at, state, details) ON nhsa_visit TO
  onestop_app;

ALTER TABLE nhsa_fee_line ENABLE ROW LEVEL SECURITY;
CREATE POLICY nhsa_fee_line_reach ON nhsa_fee_line TO onestop_app
  USING (EXISTS (SELECT FROM nhsa_visit v WHERE v.visit_no = nhsa_fee_line.visit_no));
GRANT SELECT, INSERT, UPDATE (settlement_id, details), DELETE ON nhsa_fee_line TO onestop_app;

-- A transfer is the destination's to see as well, and a chronic disease every hospital's: anyone may fall ill
-- anywhere.
ALTER TABLE nhsa_filing ENABLE ROW LEVEL SECURITY;
CREATE POLICY nhsa_filing_reach ON nhsa_filing TO onestop_app
  USING (reaches(hospital_code, NULL, NULL) OR reaches(destination_hospital, NULL, NULL)
         OR (kind = 'chronic' AND current_setting('onestop.reach', true) = 'hospital'));
GRANT SELECT, INSERT, UPDATE (withdrawn_at, details) ON nhsa_filing TO onestop_app;

ALTER TABLE nhsa_declaration ENABLE ROW LEVEL SECURITY;
CREATE POLICY nhsa_declaration_reach ON nhsa_declaration TO onestop_app USING (reaches(hospital_code, NULL, NULL));
GRANT SELECT, INSERT, UPDATE (withdrawn_at) ON nhsa_declaration TO onestop_app;

ALTER TABLE nhsa_file ENABLE ROW LEVEL SECURITY;
CREATE POLICY nhsa_file_reach ON nhsa_file TO onestop_app USING (reaches(hospital_code, NULL, NULL));
GRANT SELECT, INSERT, UPDATE (key) ON nhsa_file TO onestop_app;
