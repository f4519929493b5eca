-- Opens the transaction of a message of the national interface, and reads what every message needs: the business
-- instant, the hospital as it is on that day with the code lists of its area, which way of signing holds, and, for
-- messages that are remembered (p_msgid), the message as it was answered before. Of two deliveries of one message the
-- second waits here for the first's commit; held is false when it still runs after p_wait. No row of a hospital that
-- isn't registered: level is null then.
-- Called by app/nhsa/store.py.
CREATE FUNCTION nhsa_opened(
  p_token_id bigint, p_subject text, p_request_id text, p_reach text, p_hospital text, p_area text,
  p_manual boolean, p_infno text, p_msgid text, p_wait interval,
  OUT state text, OUT now timestamptz, OUT name text, OUT level smallint, OUT rank text, OUT area_code text,
  OUT dictionary text, OUT gateway bigint, OUT held boolean, OUT message_id bigint, OUT input_hash bytea,
  OUT outcome text, OUT settlement_id bigint, OUT visit_no bigint, OUT person_id text, OUT key bytea, OUT answer bytea
) LANGUAGE plpgsql AS $$
DECLARE
  v_day date;
BEGIN
  state := (request_open(p_token_id, p_subject, p_request_id, p_reach, p_hospital, p_area, NULL, NULL, NULL)).state;
  IF state <> 'new' THEN
    RETURN;
  END IF;
  now := business_now(p_manual);
  v_day := (now AT TIME ZONE 'Asia/Shanghai')::date;
  SELECT h.name, h.level, h.rank, h.area_code INTO name, level, rank, area_code FROM hospital_on(p_hospital, v_day) h;
  dictionary := area_on(area_code, v_day) ->> 'dictionary';
  SELECT g.change_id INTO gateway FROM hospital_gateway g WHERE g.hospital_code = p_hospital AND g.state = 'approved';
  IF p_msgid IS NULL THEN
    RETURN;
  END IF;
  held := nhsa_message_lock(p_hospital, p_infno, p_msgid, p_wait);
  IF held THEN
    SELECT m.message_id, m.input_hash, m.outcome, m.settlement_id, m.visit_no, m.person_id, m.key, m.answer
      INTO message_id, input_hash, outcome, settlement_id, visit_no, person_id, key, answer
      FROM nhsa_message m
     WHERE m.hospital_code = p_hospital AND m.infno = p_infno AND m.msgid = p_msgid AND m.outcome <> 'refused';
  END IF;
END $$;

GRANT EXECUTE ON FUNCTION nhsa_opened TO onestop_app;
