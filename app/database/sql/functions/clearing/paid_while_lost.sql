-- Whether a payment of a day, sent on another, may have been made in the days that a restoration lost: sent again within
-- a month of it, it was paid before that sending.
-- Called by app/clearing/bank_check.py, by movement_guarded().
CREATE FUNCTION paid_while_lost(p_day date, p_sent date) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM restoration r
     WHERE p_day BETWEEN (r.data_until AT TIME ZONE 'Asia/Shanghai')::date AND r.restored_on
       AND p_sent BETWEEN r.restored_on AND r.restored_on + 31)
$$;

GRANT EXECUTE ON FUNCTION paid_while_lost TO onestop_app, onestop_settler;
