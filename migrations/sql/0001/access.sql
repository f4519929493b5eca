-- What a request may reach is set by request_open() for its transaction: onestop.reach is all, hospital or area.
-- Nothing set: nothing seen.
CREATE FUNCTION reaches(row_hospital text, row_area text, row_hospital_area text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE current_setting('onestop.reach', true)
    WHEN 'all' THEN true
    WHEN 'hospital' THEN row_hospital = current_setting('onestop.hospital', true)
    WHEN 'area' THEN starts_with(row_area, current_setting('onestop.area', true))
                  OR starts_with(row_hospital_area, current_setting('onestop.area', true))
    ELSE false
  END
$$;

ALTER TABLE settlement ENABLE ROW LEVEL SECURITY;
ALTER TABLE transfer ENABLE ROW LEVEL SECURITY;
ALTER TABLE person ENABLE ROW LEVEL SECURITY;

CREATE POLICY settlement_reach ON settlement FOR SELECT TO onestop_app
  USING (reaches(hospital_code, paying_area, hospital_area));
CREATE POLICY transfer_reach ON transfer FOR SELECT TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area));
-- Anyone may fall ill anywhere: a hospital sees every person, an area its own.
CREATE POLICY person_reach ON person TO onestop_app
  USING (current_setting('onestop.reach', true) = 'hospital' OR reaches(NULL, area_code, NULL));

-- What belongs to a person is seen with the person.
ALTER TABLE identity ENABLE ROW LEVEL SECURITY;
ALTER TABLE person_year ENABLE ROW LEVEL SECURITY;
CREATE POLICY identity_reach ON identity TO onestop_app
  USING (EXISTS (SELECT FROM person p WHERE p.person_id = identity.person_id));
CREATE POLICY person_year_reach ON person_year FOR SELECT TO onestop_app
  USING (EXISTS (SELECT FROM person p WHERE p.person_id = person_year.person_id));
CREATE POLICY identity_settles ON identity FOR SELECT TO onestop_settler USING (true);
CREATE POLICY person_year_settles ON person_year TO onestop_settler USING (true) WITH CHECK (true);

CREATE POLICY settlement_settles ON settlement TO onestop_settler USING (true) WITH CHECK (true);
CREATE POLICY transfer_settles ON transfer TO onestop_settler USING (true) WITH CHECK (true);
CREATE POLICY person_settles ON person FOR SELECT TO onestop_settler USING (true);

GRANT SELECT ON settlement, transfer, account, settled_visit, person_year, alembic_version TO onestop_app;
GRANT SELECT, INSERT ON policy_text, idempotency, token, identity, catalogue_entry, hospital, person TO onestop_app;
GRANT UPDATE (revoked_at, revoked_by) ON token TO onestop_app;
GRANT UPDATE (superseded_at, superseded_by) ON identity, catalogue_entry TO onestop_app;
GRANT UPDATE (name, level, rank, area_code, subject, request_id, recorded_at) ON hospital TO onestop_app;
GRANT UPDATE (name, id_number, id_number_index, area_code, insurance_type, insured_from, insured_until, subject, request_id,
              recorded_at) ON person TO onestop_app;
GRANT SELECT, INSERT, UPDATE ON business_clock TO onestop_app;

GRANT SELECT ON token, business_clock, person, identity, hospital, catalogue_entry TO onestop_settler;
GRANT SELECT, INSERT ON settlement, settled_visit, transfer, account, idempotency TO onestop_settler;
GRANT SELECT, INSERT, UPDATE ON person_year TO onestop_settler;
GRANT USAGE ON SEQUENCE settlement_id, transfer_id TO onestop_settler;
