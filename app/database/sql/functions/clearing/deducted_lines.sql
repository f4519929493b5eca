-- The lines of settlements that upheld deductions name, whoever may see these: after a correction their worth is
-- reckoned.
-- Called by app/settlement/deducted.py.
CREATE FUNCTION deducted_lines(p_settlements bigint[]) RETURNS TABLE (settlement_id bigint, line_no integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT d.settlement_id, d.line_no FROM deduction d
   WHERE d.settlement_id = ANY (p_settlements) AND d.line_no IS NOT NULL AND d.upheld > d.given_back ORDER BY 1, 2
$$;

ALTER FUNCTION deducted_lines OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION deducted_lines TO onestop_app;
