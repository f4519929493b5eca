-- Inserted and superseded, never overwritten.
DO $$
DECLARE kept text;
BEGIN
  FOREACH kept IN ARRAY ARRAY['hospital_period', 'hospital_contract', 'hospital_item', 'insured_period', 'person_area',
                              'chronic_registration', 'family_doctor_contract', 'area', 'area_figure'] LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_overwrite()',
                   kept || '_history', kept);
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                   kept || '_kept', kept);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE (superseded_at, superseded_by) ON %I TO onestop_app', kept);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON hospital_account, hospital_gateway TO onestop_app;
GRANT SELECT ON hospital_period, hospital_contract, insured_period, person_area, chronic_registration, area, area_figure
  TO onestop_settler;

-- What belongs to a person is seen with the person.
DO $$
DECLARE personal text;
BEGIN
  FOREACH personal IN ARRAY ARRAY['insured_period', 'person_area', 'chronic_registration', 'family_doctor_contract'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', personal);
    EXECUTE format('CREATE POLICY %I ON %I TO onestop_app USING (EXISTS (SELECT FROM person p WHERE p.person_id = %I.person_id))',
                   personal || '_reach', personal, personal);
    EXECUTE format('CREATE POLICY %I ON %I FOR SELECT TO onestop_settler USING (true)', personal || '_settles', personal);
  END LOOP;
END $$;

-- A hospital is everybody's to read; its account, credentials and own codes are its own and its area's.
DO $$
DECLARE own text;
BEGIN
  FOREACH own IN ARRAY ARRAY['hospital_account', 'hospital_gateway', 'hospital_item'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', own);
    EXECUTE format('CREATE POLICY %I ON %I TO onestop_app USING (EXISTS (SELECT FROM hospital h WHERE h.code = %I.hospital_code'
                   ' AND reaches(h.code, h.area_code, NULL)))', own || '_reach', own, own);
  END LOOP;
END $$;
