-- Deletes answers that were remembered longer ago than p_kept, which is 30 days at least: what is promised to callers.
-- At most p_most of them; says how many it were. Real time.
-- Called by app/service/retention.py.
CREATE FUNCTION answers_purge(p_kept interval, p_most integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_purged integer;
BEGIN
  DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
    SELECT i.ctid FROM idempotency i
     WHERE i.recorded_at < clock_timestamp() - greatest(p_kept, interval '30 days') LIMIT p_most));
  GET DIAGNOSTICS v_purged = ROW_COUNT;
  RETURN v_purged;
END $$;

ALTER FUNCTION answers_purge OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION answers_purge TO onestop_app;
