-- The registry's tables: what stays as it was, who sees which rows, who may do what. Dated facts are inserted and
-- superseded, never overwritten.

-- A hospital is everybody's to read; its account, its secret and its own codes are its own and its area's.
GRANT SELECT, INSERT, UPDATE (name, level, rank, area_code, subject, request_id, recorded_at) ON hospital TO
  onestop_app;
GRANT SELECT ON hospital TO onestop_settler;

CREATE TRIGGER hospital_period_history BEFORE UPDATE OR DELETE ON hospital_period FOR EACH ROW
  EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER hospital_period_kept BEFORE TRUNCATE ON hospital_period FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
-- What a bill is computed with is every request's to read, and its area's to write; so are figures of areas.
ALTER TABLE hospital_period ENABLE ROW LEVEL SECURITY;
CREATE POLICY hospital_period_read ON hospital_period FOR SELECT TO onestop_app
  USING (coalesce(current_setting('onestop.reach', true), '') <> '');
CREATE POLICY hospital_period_added ON hospital_period FOR INSERT TO onestop_app WITH CHECK (EXISTS (SELECT FROM hospital h WHERE h.code = hospital_period.hospital_code
         AND reaches(h.code, h.area_code, NULL)));
CREATE POLICY hospital_period_changed ON hospital_period FOR UPDATE TO onestop_app USING (EXISTS (SELECT FROM hospital h WHERE h.code = hospital_period.hospital_code
         AND reaches(h.code, h.area_code, NULL)));
CREATE POLICY hospital_period_settles ON hospital_period FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON hospital_period TO onestop_app;
GRANT SELECT ON hospital_period TO onestop_settler;

CREATE TRIGGER hospital_contract_history BEFORE UPDATE OR DELETE ON hospital_contract FOR EACH ROW
  EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER hospital_contract_kept BEFORE TRUNCATE ON hospital_contract FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE hospital_contract ENABLE ROW LEVEL SECURITY;
CREATE POLICY hospital_contract_reach ON hospital_contract TO onestop_app
  USING (EXISTS (SELECT FROM hospital h WHERE h.code = hospital_contract.hospital_code
         AND reaches(h.code, h.area_code, NULL)));
CREATE POLICY hospital_contract_settles ON hospital_contract FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON hospital_contract TO onestop_app;
GRANT SELECT ON hospital_contract TO onestop_settler;

CREATE TRIGGER hospital_account_kept BEFORE TRUNCATE ON hospital_account FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER hospital_account_guarded BEFORE INSERT OR UPDATE ON hospital_account FOR EACH ROW
  EXECUTE FUNCTION hospital_account_guarded();
CREATE TRIGGER hospital_account_by_two BEFORE INSERT OR UPDATE OF approved_by ON hospital_account FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();
CREATE TRIGGER hospital_account_moves BEFORE UPDATE OR DELETE ON hospital_account FOR EACH ROW
  EXECUTE FUNCTION only_moves('hospital_account', 'content', 'approved_by', 'approved_on');
ALTER TABLE hospital_account ENABLE ROW LEVEL SECURITY;
CREATE POLICY hospital_account_reach ON hospital_account TO onestop_app
  USING (EXISTS (SELECT FROM hospital h WHERE h.code = hospital_account.hospital_code
         AND reaches(h.code, h.area_code, NULL)));
CREATE POLICY hospital_account_pins ON hospital_account FOR SELECT TO onestop_settler USING (true);
-- The content is changed by a new secret only.
GRANT SELECT, INSERT, UPDATE (content, state, approved_by, approved_on) ON hospital_account TO onestop_app;
GRANT SELECT (change_id, hospital_code, state) ON hospital_account TO onestop_settler;

CREATE TRIGGER hospital_gateway_kept BEFORE TRUNCATE ON hospital_gateway FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER hospital_gateway_guarded BEFORE INSERT OR UPDATE ON hospital_gateway FOR EACH ROW
  EXECUTE FUNCTION hospital_gateway_guarded();
CREATE TRIGGER hospital_gateway_by_two BEFORE INSERT OR UPDATE OF approved_by ON hospital_gateway FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();
CREATE TRIGGER hospital_gateway_moves BEFORE UPDATE OR DELETE ON hospital_gateway FOR EACH ROW
  EXECUTE FUNCTION only_moves('hospital_gateway', 'secret', 'approved_by', 'approved_on');
ALTER TABLE hospital_gateway ENABLE ROW LEVEL SECURITY;
CREATE POLICY hospital_gateway_reach ON hospital_gateway TO onestop_app
  USING (EXISTS (SELECT FROM hospital h WHERE h.code = hospital_gateway.hospital_code
         AND reaches(h.code, h.area_code, NULL)));
-- The secret is changed by a new secret of the service only.
GRANT SELECT, INSERT, UPDATE (secret, state, approved_by, approved_on) ON hospital_gateway TO onestop_app;

CREATE TRIGGER hospital_item_history BEFORE UPDATE OR DELETE ON hospital_item FOR EACH ROW
  EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER hospital_item_kept BEFORE TRUNCATE ON hospital_item FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE hospital_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY hospital_item_reach ON hospital_item TO onestop_app
  USING (EXISTS (SELECT FROM hospital h WHERE h.code = hospital_item.hospital_code
         AND reaches(h.code, h.area_code, NULL)));
GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON hospital_item TO onestop_app;

-- Anyone may fall ill anywhere: a hospital sees every person, an area its own.
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
CREATE POLICY person_reach ON person TO onestop_app
  USING (current_setting('onestop.reach', true) = 'hospital' OR reaches(NULL, area_code, NULL));
CREATE POLICY person_settles ON person FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (name, id_number, id_number_index, area_code, insurance_type, insured_from,
  insured_until, subject, request_id, recorded_at, name_birth_index, retired_from) ON person TO onestop_app;
GRANT SELECT ON person TO onestop_settler;

-- A quote is noted a moment after it was answered, for all hospitals together.
ALTER TABLE quoted_person ENABLE ROW LEVEL SECURITY;
CREATE POLICY quoted_person_reach ON quoted_person TO onestop_app
  USING (current_setting('onestop.reach', true) = 'all' OR reaches(hospital_code, NULL, NULL));
GRANT SELECT, INSERT, UPDATE (quoted_at), DELETE ON quoted_person TO onestop_app;

-- What belongs to a person is seen with the person.
CREATE TRIGGER insured_period_history BEFORE UPDATE OR DELETE ON insured_period FOR EACH ROW
  EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER insured_period_kept BEFORE TRUNCATE ON insured_period FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE insured_period ENABLE ROW LEVEL SECURITY;
CREATE POLICY insured_period_reach ON insured_period TO onestop_app
  USING (EXISTS (SELECT FROM person p WHERE p.person_id = insured_period.person_id));
CREATE POLICY insured_period_settles ON insured_period FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON insured_period TO onestop_app;
GRANT SELECT ON insured_period TO onestop_settler;

CREATE TRIGGER person_area_history BEFORE UPDATE OR DELETE ON person_area FOR EACH ROW
  EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER person_area_kept BEFORE TRUNCATE ON person_area FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE person_area ENABLE ROW LEVEL SECURITY;
CREATE POLICY person_area_reach ON person_area TO onestop_app
  USING (EXISTS (SELECT FROM person p WHERE p.person_id = person_area.person_id));
CREATE POLICY person_area_settles ON person_area FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON person_area TO onestop_app;
GRANT SELECT ON person_area TO onestop_settler;

CREATE TRIGGER identity_history BEFORE UPDATE OR DELETE ON identity FOR EACH ROW EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER identity_kept BEFORE TRUNCATE ON identity FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE identity ENABLE ROW LEVEL SECURITY;
CREATE POLICY identity_reach ON identity TO onestop_app
  USING (EXISTS (SELECT FROM person p WHERE p.person_id = identity.person_id));
CREATE POLICY identity_settles ON identity FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON identity TO onestop_app;
GRANT SELECT ON identity TO onestop_settler;

CREATE TRIGGER chronic_registration_history BEFORE UPDATE OR DELETE ON chronic_registration FOR EACH ROW
  EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER chronic_registration_kept BEFORE TRUNCATE ON chronic_registration FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE chronic_registration ENABLE ROW LEVEL SECURITY;
CREATE POLICY chronic_registration_reach ON chronic_registration TO onestop_app
  USING (EXISTS (SELECT FROM person p WHERE p.person_id = chronic_registration.person_id));
CREATE POLICY chronic_registration_settles ON chronic_registration FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON chronic_registration TO onestop_app;
GRANT SELECT ON chronic_registration TO onestop_settler;

CREATE TRIGGER family_doctor_contract_history BEFORE UPDATE OR DELETE ON family_doctor_contract FOR EACH ROW
  EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER family_doctor_contract_kept BEFORE TRUNCATE ON family_doctor_contract FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE family_doctor_contract ENABLE ROW LEVEL SECURITY;
CREATE POLICY family_doctor_contract_reach ON family_doctor_contract TO onestop_app
  USING (EXISTS (SELECT FROM person p WHERE p.person_id = family_doctor_contract.person_id));
CREATE POLICY family_doctor_contract_settles ON family_doctor_contract FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON family_doctor_contract TO onestop_app;

CREATE TRIGGER catalogue_entry_history BEFORE UPDATE OR DELETE ON catalogue_entry FOR EACH ROW
  EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER catalogue_entry_kept BEFORE TRUNCATE ON catalogue_entry FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
-- Everybody reads the catalogue; who writes an entry reaches its owner, and nobody of one area what is everybody's.
ALTER TABLE catalogue_entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY catalogue_entry_read ON catalogue_entry FOR SELECT TO onestop_app, onestop_settler USING (true);
CREATE POLICY catalogue_entry_written ON catalogue_entry FOR INSERT TO onestop_app
  WITH CHECK (reaches(NULL, area_code, NULL));
CREATE POLICY catalogue_entry_superseded ON catalogue_entry FOR UPDATE TO onestop_app
  USING (reaches(NULL, area_code, NULL));
GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON catalogue_entry TO onestop_app;
GRANT SELECT ON catalogue_entry TO onestop_settler;

CREATE TRIGGER area_history BEFORE UPDATE OR DELETE ON area FOR EACH ROW EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER area_kept BEFORE TRUNCATE ON area FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON area TO onestop_app;
GRANT SELECT ON area TO onestop_settler;

CREATE TRIGGER area_figure_history BEFORE UPDATE OR DELETE ON area_figure FOR EACH ROW
  EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER area_figure_kept BEFORE TRUNCATE ON area_figure FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE area_figure ENABLE ROW LEVEL SECURITY;
CREATE POLICY area_figure_read ON area_figure FOR SELECT TO onestop_app
  USING (coalesce(current_setting('onestop.reach', true), '') <> '');
CREATE POLICY area_figure_added ON area_figure FOR INSERT TO onestop_app WITH CHECK (reaches(NULL, area_code, NULL));
CREATE POLICY area_figure_changed ON area_figure FOR UPDATE TO onestop_app USING (reaches(NULL, area_code, NULL));
CREATE POLICY area_figure_settles ON area_figure FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON area_figure TO onestop_app;
GRANT SELECT ON area_figure TO onestop_settler;
