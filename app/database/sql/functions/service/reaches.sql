-- Whether the request may see a row. What it may reach is set by request_open() for its transaction: onestop.reach is
-- all, hospital or area. Nothing set: nothing seen.
-- Called by nearly every row security policy (rules/), by the functions of settling and clearing before they read or
-- write past those policies.
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

GRANT EXECUTE ON FUNCTION reaches TO onestop_app, onestop_settler;
