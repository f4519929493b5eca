-- A person with the area and the insurance of a day; name and id number are encrypted. No row of one whom there isn't.
-- Called by nhsa_visit_read(), and by app/nhsa/store.py.
CREATE FUNCTION person_on(p_person_id text, p_day date)
RETURNS TABLE (
  person_id text, name bytea, id_number bytea, insurance_type text, insured_from date, insured_until date,
  area_code text, insured boolean
) LANGUAGE sql STABLE AS $$
  SELECT p.person_id, p.name, p.id_number, p.insurance_type, p.insured_from, p.insured_until,
         coalesce((SELECT a.area_code FROM person_area a WHERE a.person_id = p.person_id AND a.superseded_at IS NULL
                      AND holds_on(a.valid_from, a.valid_until, p_day)), p.area_code),
         coalesce((SELECT bool_or(holds_on(i.valid_from, i.valid_until, p_day)) FROM insured_period i
                    WHERE i.person_id = p.person_id AND i.superseded_at IS NULL),
                  holds_on(p.insured_from, p.insured_until, p_day), false)
    FROM person p WHERE p.person_id = p_person_id
$$;

GRANT EXECUTE ON FUNCTION person_on TO onestop_app;
