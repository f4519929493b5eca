-- The account that a deduction takes from and is given back to: what the fund owes the hospital, or on the person's claim.
-- Called by deduction_given_back(), transfers_post().
CREATE FUNCTION deduction_payable(d deduction) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT format('area:%s/fund:%s/payable/%s', d.area_code, d.fund,
                coalesce('claim:clm_' || d.claim_id, 'hospital:' || d.hospital_code))
$$;

GRANT EXECUTE ON FUNCTION deduction_payable TO onestop_settler;
