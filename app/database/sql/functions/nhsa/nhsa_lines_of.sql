-- The lines of a visit, each with whether it is free: in no settlement, or only in one that was reversed.
-- Called by nhsa_visit_read(), and by app/nhsa/visit_store.py.
CREATE FUNCTION nhsa_lines_of(p_visit_no bigint)
RETURNS TABLE (
  line_no integer, serial_no text, batch_no text, refund_of_line_no integer, item_code text, hospital_item_code text,
  quantity bigint, unit_price bigint, amount bigint, charged_at timestamptz, approval text, details bytea,
  settlement_id bigint, free boolean
) LANGUAGE sql STABLE AS $$
  SELECT l.line_no, l.serial_no, l.batch_no, l.refund_of_line_no, l.item_code, l.hospital_item_code, l.quantity,
         l.unit_price, l.amount, l.charged_at, l.approval, l.details, l.settlement_id,
         l.settlement_id IS NULL OR EXISTS (
           SELECT FROM settlement r WHERE r.of_settlement_id = l.settlement_id AND r.kind = 'reversal')
    FROM nhsa_fee_line l WHERE l.visit_no = p_visit_no
$$;

GRANT EXECUTE ON FUNCTION nhsa_lines_of TO onestop_app;
