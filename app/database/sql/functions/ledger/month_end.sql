-- The last day of a day's month.
-- Called by the functions of posting_sum and statement_sum, by app/ledger/rollup.py.
CREATE FUNCTION month_end(p_day date) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (date_trunc('month', p_day::timestamp) + interval '1 month - 1 day')::date
$$;

GRANT EXECUTE ON FUNCTION month_end TO onestop_app, onestop_settler;
