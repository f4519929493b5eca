-- Whether the database was restored and two people haven't yet said what the bank did meanwhile for an area and fund:
-- what was paid after the backup must not be paid again.
-- Called by app/clearing/bank_check.py, by the triggers *_bank_checked.
CREATE FUNCTION bank_check_pending(p_area text, p_fund text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM restoration) AND NOT EXISTS (
    SELECT FROM bank_check c
     WHERE c.restoration_id = (SELECT max(restoration_id) FROM restoration) AND c.state = 'approved'
       AND starts_with(p_area, c.area_prefix) AND (c.funds IS NULL OR p_fund = ANY (c.funds)))
$$;

GRANT EXECUTE ON FUNCTION bank_check_pending TO onestop_app, onestop_settler;
