-- Whether the transaction that wrote a row came before another. Those of rows have 32 bits and come round.
-- Called by postings_roll(), posted(), the proof of the sums.
CREATE FUNCTION before_mark(p_row xid, p_mark bigint) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ((p_row::text::bigint - p_mark) & 4294967295) >= 2147483648
$$;

GRANT EXECUTE ON FUNCTION before_mark TO onestop_app, onestop_settler;
