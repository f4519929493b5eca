-- What was upheld of a part's deductions, fen, whoever asks: a statement shows the parts of every fund, also to the
-- owner of one fund, who doesn't see the others' deductions.
-- Called by app/clearing/part.py.
CREATE FUNCTION part_deducted(p_part_id bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(sum(d.upheld), 0)::bigint FROM deduction d WHERE d.part_id = p_part_id
$$;

ALTER FUNCTION part_deducted OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION part_deducted TO onestop_app;
