-- What a sum keeps of the cause of its postings: a payment that belongs to no statement falls due with its order.
-- Called by postings_roll(), posted(), the proof of the sums.
CREATE FUNCTION cause_kept(p_statement_id bigint, p_event text, p_cause text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN p_statement_id IS NULL AND p_event IN ('payment', 'payment_returned', 'carry_repaid',
    'deposit_released', 'deposit_forfeited') THEN p_cause END
$$;

GRANT EXECUTE ON FUNCTION cause_kept TO onestop_app, onestop_settler;
