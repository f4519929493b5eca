-- Which change the account of a hospital comes from: the account itself is the hospital's and its area's to see, but who
-- pays from elsewhere has to know whether it is still the one that a payment was approved for.
-- Called by app/registry/hospital_account.py, paid_to_pinned().
CREATE FUNCTION hospital_account_of(p_code text) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT a.change_id FROM hospital_account a WHERE a.hospital_code = p_code AND a.state = 'approved'
$$;

ALTER FUNCTION hospital_account_of OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION hospital_account_of TO onestop_app;
