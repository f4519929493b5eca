-- Opens a request in its transaction: whether the connection is what it has to be, who asks and what they may reach,
-- whether the token still holds, and the idempotency key. States: new, replayed, reused, in_progress, token_ended. A key is held by an advisory lock until
-- the transaction ends. onestop.funds is the funds of the token, empty for all; onestop.finance says whether the
-- token may carry a correction into another hospital's settlements, onestop.admin whether it is an unrestricted
-- administrator's. Without a token (p_token_id 0: a hospital at the national door, a job) it is neither.
-- Called at the beginning of every request and job, and by bill_facts() and correction_facts(), so that settling
-- needs no trip of its own.
CREATE FUNCTION request_open(
  p_token_id bigint, p_subject text, p_request_id text, p_reach text, p_hospital text, p_area text,
  p_key text, p_hash bytea, p_wait interval
) RETURNS opened_request LANGUAGE plpgsql AS $$
DECLARE
  found_row idempotency;
  v_scopes text[] := '{}';
  v_funds text[];
  v_admin boolean := false;
BEGIN
  PERFORM connection_checked();
  IF p_token_id <> 0 THEN
    SELECT scopes, funds, 'admin' = ANY (scopes) AND num_nonnulls(hospital_code, area_code, funds) = 0
      INTO v_scopes, v_funds, v_admin FROM token
     WHERE token_id = p_token_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
       AND (replaced_until IS NULL OR replaced_until > clock_timestamp());
  END IF;
  PERFORM set_config('onestop.subject', p_subject, true), set_config('onestop.request_id', p_request_id, true),
          set_config('onestop.reach', p_reach, true), set_config('onestop.hospital', p_hospital, true),
          set_config('onestop.area', p_area, true),
          set_config('onestop.funds', coalesce(array_to_string(v_funds, ','), ''), true),
          set_config('onestop.admin', coalesce(v_admin, false)::text, true),
          set_config('onestop.finance', coalesce(v_scopes && ARRAY['finance', 'admin'], false)::text, true);
  IF v_scopes IS NULL THEN
    RETURN ROW('token_ended', NULL, NULL, NULL)::opened_request;
  END IF;
  IF p_key IS NULL THEN
    RETURN ROW('new', NULL, NULL, NULL)::opened_request;
  END IF;
  IF NOT lock_within(lock_key('idempotency_key', p_subject || ' ' || p_key), p_wait) THEN
    RETURN ROW('in_progress', NULL, NULL, NULL)::opened_request;
  END IF;
  SELECT * INTO found_row FROM idempotency WHERE subject = p_subject AND key = p_key;
  IF NOT FOUND THEN
    RETURN ROW('new', NULL, NULL, NULL)::opened_request;
  ELSIF found_row.request_hash <> p_hash THEN
    RETURN ROW('reused', NULL, NULL, NULL)::opened_request;
  END IF;
  -- What was committed here may not be on the standby that confirms commits: somebody cancelled the wait for it, or the
  -- server was started again meanwhile. With something written, this transaction's own commit waits, and tells.
  PERFORM pg_logical_emit_message(true, 'onestop', 'replayed');
  RETURN ROW('replayed', found_row.status, found_row.settlement_id, found_row.body)::opened_request;
END $$;

GRANT EXECUTE ON FUNCTION request_open TO onestop_app, onestop_settler;
