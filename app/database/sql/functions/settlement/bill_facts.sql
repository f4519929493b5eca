-- Everything the engine needs to know about a bill, as one JSON document: the first of settling's two calls. With a
-- key it locks the person and hands out an id; without, it only reads. States besides those of request_open: none.
-- Called by app/settlement/store.py for a quote and for a settlement.
CREATE FUNCTION bill_facts(
  p_token_id bigint, p_subject text, p_request_id text, p_reach text, p_hospital text, p_area text,
  p_key text, p_hash bytea, p_wait interval, p_manual boolean, b wanted_bill
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  opened opened_request;
  lock_wait bigint := 0;
BEGIN
  opened := request_open(p_token_id, p_subject, p_request_id, p_reach, p_hospital, p_area, p_key, p_hash, p_wait);
  IF opened.state <> 'new' THEN
    RETURN json_build_object('state', opened.state, 'settlement_id', opened.settlement_id)::text;
  END IF;
  IF p_key IS NOT NULL THEN
    lock_wait := person_lock(b.person_id);
  END IF;
  RETURN (facts_read(ARRAY[b], lock_wait, p_key IS NOT NULL, p_manual))[1];
END $$;

ALTER FUNCTION bill_facts OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION bill_facts TO onestop_app;
