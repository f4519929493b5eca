-- A statement's state: withdrawn, else that of its least advanced part, where an ordered part counts as approved and
-- one carried forward as settled. Without parts it is as far as what was recorded of it.
-- Called by statement_derived(), the proof of the ledger.
CREATE FUNCTION statement_state(s statement) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN s.withdrawn_on IS NOT NULL THEN 'withdrawn' ELSE coalesce(
    (SELECT (ARRAY['declared', 'reconciled', 'audited', 'approved', 'settled'])[min(CASE part_state(p, s)
              WHEN 'declared' THEN 1 WHEN 'reconciled' THEN 2 WHEN 'audited' THEN 3
              WHEN 'approved' THEN 4 WHEN 'ordered' THEN 4 ELSE 5 END)]
       FROM statement_part p WHERE p.statement_id = s.statement_id),
    CASE WHEN s.approved_on IS NOT NULL THEN 'approved' WHEN s.audited_on IS NOT NULL THEN 'audited'
         WHEN s.reconciled_on IS NOT NULL THEN 'reconciled' ELSE 'declared' END) END
$$;

ALTER FUNCTION statement_state OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION statement_state TO onestop_app;
