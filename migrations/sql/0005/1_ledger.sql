-- What an account is for and whose it is, so that a fold needs no pattern: area:530100/fund:390100/payable/hospital:H1.
ALTER TABLE account ADD COLUMN kind text GENERATED ALWAYS AS (split_part(path, '/', 3)) STORED;
ALTER TABLE account ADD COLUMN party text GENERATED ALWAYS AS (split_part(path, '/', 4)) STORED;

-- The statement a movement of its money belongs to, and the order, deduction, prepayment or contract that caused it.
ALTER TABLE transfer ADD COLUMN statement_id bigint;
ALTER TABLE transfer ADD COLUMN cause text;
CREATE INDEX transfer_hospital ON transfer (hospital_code, area_code, period);
CREATE INDEX transfer_statement ON transfer (statement_id) WHERE statement_id IS NOT NULL;
CREATE INDEX transfer_fiscal ON transfer (fiscal_year, area_code);
-- A deduction reduces a payable once.
CREATE UNIQUE INDEX transfer_deduction ON transfer (cause) WHERE event = 'deduction';

-- What a fund's owner may see: a token without funds sees every fund.
CREATE FUNCTION reaches_fund(row_fund text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(current_setting('onestop.funds', true), '') = ''
      OR row_fund = ANY (string_to_array(current_setting('onestop.funds', true), ','))
$$;

-- As before, and onestop.funds: the funds of the token, empty for all.
CREATE OR REPLACE FUNCTION request_open(
  p_token_id bigint, p_subject text, p_request_id text, p_reach text, p_hospital text, p_area text,
  p_key text, p_hash bytea, p_wait interval
) RETURNS opened_request LANGUAGE plpgsql AS $$
DECLARE
  found_row idempotency;
  v_scopes text[] := ARRAY['admin'];
  v_funds text[];
  lock_id bigint;
  give_up timestamptz;
BEGIN
  IF p_token_id <> 0 THEN
    SELECT scopes, funds INTO v_scopes, v_funds FROM token WHERE token_id = p_token_id AND revoked_at IS NULL
       AND (expires_at IS NULL OR expires_at > clock_timestamp());
  END IF;
  PERFORM set_config('onestop.subject', p_subject, true), set_config('onestop.request_id', p_request_id, true),
          set_config('onestop.reach', p_reach, true), set_config('onestop.hospital', p_hospital, true),
          set_config('onestop.area', p_area, true),
          set_config('onestop.funds', coalesce(array_to_string(v_funds, ','), ''), true),
          set_config('onestop.finance', coalesce(v_scopes && ARRAY['finance', 'admin'], false)::text, true);
  IF v_scopes IS NULL THEN
    RETURN ROW('token_ended', NULL, NULL, NULL)::opened_request;
  END IF;
  IF p_key IS NULL THEN
    RETURN ROW('new', NULL, NULL, NULL)::opened_request;
  END IF;
  lock_id := hashtextextended(p_subject || ' ' || p_key, 1);
  give_up := clock_timestamp() + p_wait;
  WHILE NOT pg_try_advisory_xact_lock(lock_id) LOOP
    IF clock_timestamp() > give_up THEN
      RETURN ROW('in_progress', NULL, NULL, NULL)::opened_request;
    END IF;
    PERFORM pg_sleep(0.01);
  END LOOP;
  SELECT * INTO found_row FROM idempotency WHERE subject = p_subject AND key = p_key;
  IF NOT FOUND THEN
    RETURN ROW('new', NULL, NULL, NULL)::opened_request;
  ELSIF found_row.request_hash <> p_hash THEN
    RETURN ROW('reused', NULL, NULL, NULL)::opened_request;
  END IF;
  RETURN ROW('replayed', found_row.status, found_row.settlement_id, found_row.body)::opened_request;
END $$;

CREATE TABLE fiscal_year_closing (
  area_code   text NOT NULL,
  year        smallint NOT NULL,
  closed_on   date NOT NULL,
  figures     jsonb NOT NULL,
  subject     text NOT NULL,
  request_id  text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (area_code, year)
);

-- The benefit year while it is open, else the year of the day. The lock, shared by whoever posts and held alone by whoever
-- closes, keeps a posting from slipping into a year that is being closed. A hospital sees no closings, its acceptance heeds them.
CREATE FUNCTION fiscal_year_of(p_area text, p_benefit_year smallint, p_day date) RETURNS smallint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(p_area, 4));
  RETURN CASE WHEN EXISTS (SELECT FROM fiscal_year_closing c WHERE c.area_code = p_area AND c.year = p_benefit_year)
              THEN extract(year FROM p_day)::smallint ELSE p_benefit_year END;
END $$;

-- The transfers of clearing's events, from JSON. Those of settling are entry_write's, and nobody else's. A deduction's is what
-- was upheld of it, whoever brings that about: a hospital that accepts posts it itself.
CREATE FUNCTION transfers_post(p_transfers jsonb) RETURNS bigint[] LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  ids bigint[];
BEGIN
  IF EXISTS (
    SELECT FROM jsonb_to_recordset(p_transfers) AS t(event text, area_code text, hospital_code text, hospital_area text, fund text,
             amount bigint, settlement_id bigint, statement_id bigint, cause text)
     WHERE t.event NOT IN ('family_doctor', 'deduction', 'deposit_withheld', 'deposit_returned', 'deposit_released',
                           'deposit_forfeited', 'offset', 'offset_undone', 'carried', 'order_sent', 'order_settled',
                           'order_withdrawn', 'payment', 'payment_returned', 'prepayment', 'prepayment_returned')
        OR NOT coalesce(reaches(t.hospital_code, t.area_code, t.hospital_area), false)
        OR NOT CASE t.event
             WHEN 'family_doctor' THEN true
             WHEN 'deduction' THEN EXISTS (
               SELECT FROM deduction d
                WHERE 'ded_' || d.deduction_id = t.cause AND d.upheld = t.amount AND d.statement_id = t.statement_id
                  AND d.settlement_id = t.settlement_id AND d.fund = t.fund AND d.hospital_code = t.hospital_code
                  AND d.area_code = t.area_code AND d.state IN ('accepted', 'decided'))
             ELSE coalesce(current_setting('onestop.finance', true) = 'true', false) AND reaches_fund(t.fund) END
  ) THEN
    RAISE EXCEPTION 'transfers out of reach' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO account (path)
  SELECT DISTINCT p.path FROM jsonb_to_recordset(p_transfers) AS t(debit text, credit text),
         LATERAL (VALUES (t.debit), (t.credit)) p(path) ORDER BY 1 ON CONFLICT DO NOTHING;
  WITH posted AS (
    INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier, hospital_code,
                          hospital_area, clr_type, business_date, period, benefit_year, fiscal_year, statement_id, cause,
                          subject, request_id)
    SELECT t.event, t.settlement_id, d.account_id, c.account_id, t.amount, t.area_code, t.fund, t.tier, t.hospital_code,
           t.hospital_area, t.clr_type, t.business_date, to_char(t.business_date, 'YYYY-MM'), t.benefit_year, t.fiscal_year,
           t.statement_id, t.cause, current_setting('onestop.subject'), current_setting('onestop.request_id')
      FROM jsonb_to_recordset(p_transfers) AS t(event text, debit text, credit text, amount bigint, settlement_id bigint,
             area_code text, fund text, tier text, hospital_code text, hospital_area text, clr_type text,
             business_date date, benefit_year smallint, fiscal_year smallint, statement_id bigint, cause text)
      JOIN account d ON d.path = t.debit JOIN account c ON c.path = t.credit
    RETURNING transfer_id)
  SELECT array_agg(transfer_id ORDER BY transfer_id) INTO ids FROM posted;
  IF coalesce(cardinality(ids), 0) <> jsonb_array_length(p_transfers) THEN
    RAISE EXCEPTION 'a transfer was not posted' USING ERRCODE = 'check_violation';
  END IF;
  RETURN ids;
END $$;
