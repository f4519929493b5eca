-- The parts of a statement that something hangs on, with what it is: an order that isn't cancelled, a deduction that is
-- open or upheld and not wholly given back, an approval. While there is one the statement isn't withdrawn.
-- Called by statement_derived(), app/clearing/part.py.
CREATE FUNCTION parts_in_progress(p_statement_id bigint)
RETURNS TABLE (part_id bigint, fund text, fiscal_year smallint, state text, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.part_id, p.fund, p.fiscal_year, p.state, x.reason
    FROM statement_part p CROSS JOIN LATERAL (
         SELECT CASE
           WHEN EXISTS (SELECT FROM disbursement o WHERE o.part_id = p.part_id AND o.state <> 'cancelled') THEN 'order'
           WHEN EXISTS (SELECT FROM deduction d WHERE d.part_id = p.part_id
                           AND (d.state IN ('proposed', 'appealed') OR d.upheld > d.given_back)) THEN 'deduction'
           WHEN p.approved_by IS NOT NULL THEN 'approval' END) x(reason)
   WHERE p.statement_id = p_statement_id AND x.reason IS NOT NULL
   ORDER BY p.fund, p.fiscal_year
$$;

ALTER FUNCTION parts_in_progress OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION parts_in_progress TO onestop_app;
