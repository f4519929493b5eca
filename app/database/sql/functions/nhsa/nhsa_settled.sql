-- Writes a settlement of a visit by entry_write(), binds its lines to it, and keeps the message that asked for it: all
-- that settling at the national door leaves, in one call. The message's input hash is that of its idempotency key.
-- Called by app/nhsa/store.py.
CREATE FUNCTION nhsa_settled(
  e new_entry, transfers new_transfer[], p_after jsonb, p_key text, p_hash bytea, o new_older,
  older_transfers new_transfer[], p_visit_no bigint, p_lines integer[], p_infno text, p_msgid text, p_message_key bytea,
  p_request bytea, p_answer bytea
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM entry_write(e, transfers, p_after, p_key, p_hash, o, older_transfers);
  UPDATE nhsa_fee_line SET settlement_id = e.settlement_id WHERE visit_no = p_visit_no AND line_no = ANY (p_lines);
  INSERT INTO nhsa_message (hospital_code, infno, msgid, input_hash, outcome, settlement_id, visit_no, person_id, key,
                            request, answer, subject, request_id)
  VALUES (e.hospital_code, p_infno, p_msgid, p_hash, 'accepted', e.settlement_id, p_visit_no, e.person_id,
          p_message_key, p_request, p_answer, current_setting('onestop.subject'), current_setting('onestop.request_id'));
END $$;

GRANT EXECUTE ON FUNCTION nhsa_settled TO onestop_app;
