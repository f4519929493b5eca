-- The first of the two calls by which several bills are settled in one transaction: bill_facts() for each of them, no
-- person twice. Element i of each array belongs to request i. Each request is opened for itself, so its token and its
-- key are its own. What would have to wait, or isn't new, gets nothing and is settled by itself: the state is that of
-- request_open(), or `busy` when somebody else holds the person's lock; with p_patient that lock is waited for. No
-- context is left behind: until entries_write() nothing is in reach.
-- Called by app/settlement/store.py.
CREATE FUNCTION bills_facts(
  p_token_ids bigint[], p_subjects text[], p_request_ids text[], p_reaches text[], p_hospitals text[], p_areas text[],
  p_keys text[], p_hashes bytea[], p_patient boolean, p_manual boolean, bills wanted_bill[]
) RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  opened opened_request;
  v_lock_wait bigint := 0;
  v_answers text[] := array_fill(NULL::text, ARRAY[cardinality(bills)]);
  v_new wanted_bill[] := '{}';
  v_places integer[] := '{}';
  v_texts text[];
  v_place integer;
BEGIN
  FOR i IN 1 .. cardinality(bills) LOOP
    opened := request_open(p_token_ids[i], p_subjects[i], p_request_ids[i], p_reaches[i], p_hospitals[i], p_areas[i],
                           p_keys[i], p_hashes[i], interval '-1 second');
    IF opened.state = 'new' AND p_patient THEN
      v_lock_wait := person_lock(bills[i].person_id);
    ELSIF opened.state = 'new' AND NOT pg_try_advisory_xact_lock(lock_key('person', bills[i].person_id)) THEN
      opened.state := 'busy';
    END IF;
    IF opened.state = 'new' THEN
      v_new := v_new || bills[i];
      v_places := v_places || i;
    ELSE
      v_answers[i] := json_build_object('state', opened.state)::text;
    END IF;
  END LOOP;
  PERFORM set_config('onestop.reach', '', true), set_config('onestop.subject', '', true),
          set_config('onestop.finance', 'false', true), set_config('onestop.admin', 'false', true);
  -- A statement of its own: it sees what was committed before the locks were there.
  v_texts := facts_read(v_new, v_lock_wait, true, p_manual);
  FOR i IN 1 .. cardinality(v_places) LOOP
    v_place := v_places[i];
    v_answers[v_place] := v_texts[i];
  END LOOP;
  RETURN v_answers;
END $$;

ALTER FUNCTION bills_facts OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION bills_facts TO onestop_app;
