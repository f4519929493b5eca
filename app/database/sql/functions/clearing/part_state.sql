-- How far a part is: what its order says, else its approval, else what was recorded of its statement. A part of gross 0
-- is settled once its order is asked for; a cancelled order leaves it approved.
-- Called by part_derived(), statement_state(), the proof of the ledger.
CREATE FUNCTION part_state(p statement_part, s statement) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(
    (SELECT CASE WHEN o.state = 'paid' OR o.gross = 0 THEN 'settled'
                 WHEN o.state = 'carried_forward' THEN 'carried_forward' ELSE 'ordered' END
       FROM disbursement o WHERE o.part_id = p.part_id AND o.state <> 'cancelled'),
    CASE WHEN p.approved_by IS NOT NULL THEN 'approved' WHEN s.audited_on IS NOT NULL THEN 'audited'
         WHEN s.reconciled_on IS NOT NULL THEN 'reconciled' ELSE 'declared' END)
$$;

ALTER FUNCTION part_state OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION part_state TO onestop_app;
