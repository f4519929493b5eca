-- The write function of settling as it was on 2026-11-30, a yardstick of bench.settling that is never changed: with the
-- tables, indexes, triggers, policies and functions that it had, in a schema of its own, and one settlement of 20 lines.
CREATE SCHEMA frozen;
SET search_path = frozen, pg_temp;

CREATE TABLE person_year (
  person_id    text NOT NULL,
  benefit_year smallint NOT NULL,
  entries      integer NOT NULL CHECK (entries >= 0),
  accumulators jsonb NOT NULL,
  PRIMARY KEY (person_id, benefit_year)
);

CREATE TABLE settled_visit (
  hospital_code text NOT NULL,
  visit_id      text NOT NULL,
  settle_seq    integer NOT NULL,
  settlement_id bigint NOT NULL,
  PRIMARY KEY (hospital_code, visit_id, settle_seq)
);

CREATE SEQUENCE settlement_id AS bigint CACHE 50;

CREATE TABLE settlement (
  settlement_id      bigint PRIMARY KEY,
  kind               text NOT NULL CHECK (kind IN ('settlement', 'reversal', 'adjustment')),
  of_settlement_id   bigint REFERENCES settlement,
  person_id          text NOT NULL,
  benefit_year       smallint NOT NULL,
  entry_no           integer NOT NULL,
  hospital_code      text NOT NULL,
  visit_id           text NOT NULL,
  settle_seq         integer NOT NULL CHECK (settle_seq > 0),
  interim            boolean NOT NULL,
  medical_type       text NOT NULL,
  benefit_class      text NOT NULL,
  paid_by            text NOT NULL CHECK (paid_by IN ('hospital', 'patient')),
  paying_area        text NOT NULL,
  hospital_area      text NOT NULL,
  out_of_area        boolean NOT NULL,
  recoverable        boolean NOT NULL,
  admitted_on        date NOT NULL,
  discharged_on      date NOT NULL,
  settled_at         timestamptz NOT NULL,
  total              bigint NOT NULL,
  own_expense        bigint NOT NULL,
  over_limit         bigint NOT NULL,
  first_pay          bigint NOT NULL,
  in_scope           bigint NOT NULL,
  basic              bigint NOT NULL,
  serious_illness    bigint NOT NULL,
  supplement         bigint NOT NULL,
  medical_assistance bigint NOT NULL,
  safety_net         bigint NOT NULL,
  hospital           bigint NOT NULL,
  patient            bigint NOT NULL,
  payable_adjustment bigint NOT NULL,
  deductible         bigint NOT NULL,
  delta              jsonb NOT NULL,
  episode            text[] NOT NULL,
  policy_pack        text NOT NULL,
  policy_version     text NOT NULL,
  policy_digest      text NOT NULL,
  assumed            smallint NOT NULL,
  engine_version     text NOT NULL,
  digest             text NOT NULL,
  result_digest      text NOT NULL,
  warnings           text[] NOT NULL,
  reason             text,
  document           json NOT NULL,
  subject            text NOT NULL,
  request_id         text NOT NULL,
  recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  caused_by          bigint REFERENCES settlement,
  CONSTRAINT settlement_entry UNIQUE (person_id, benefit_year, entry_no),
  CONSTRAINT settlement_correction CHECK ((kind = 'settlement') = (of_settlement_id IS NULL)),
  CONSTRAINT settlement_caused CHECK (caused_by IS NULL OR kind = 'adjustment'),
  CONSTRAINT settlement_conserves_portions
    CHECK (total = basic + serious_illness + supplement + medical_assistance + safety_net + hospital + patient),
  CONSTRAINT settlement_conserves_scope CHECK (total = own_expense + over_limit + first_pay + in_scope),
  CONSTRAINT settlement_signs CHECK (
    CASE kind
      WHEN 'settlement' THEN 0 <= least(total, own_expense, over_limit, first_pay, in_scope, basic, serious_illness,
        supplement, medical_assistance, safety_net, hospital, patient, payable_adjustment, deductible)
      WHEN 'reversal' THEN 0 >= greatest(total, own_expense, over_limit, first_pay, in_scope, basic, serious_illness,
        supplement, medical_assistance, safety_net, hospital, patient, payable_adjustment, deductible)
      ELSE true
    END)
);

CREATE INDEX settlement_of ON settlement (of_settlement_id) WHERE of_settlement_id IS NOT NULL;

CREATE UNIQUE INDEX settlement_reversed_once ON settlement (of_settlement_id) WHERE kind = 'reversal';

CREATE INDEX settlement_visit ON settlement (hospital_code, visit_id);

CREATE INDEX settlement_newest ON settlement (recorded_at DESC, settlement_id DESC);

CREATE INDEX settlement_caused_by ON settlement (caused_by) WHERE caused_by IS NOT NULL;

CREATE INDEX settlement_unknown_code ON settlement (settled_at) WHERE document::text LIKE '%"unknown_item"%';

CREATE INDEX settlement_recorded ON settlement USING brin (recorded_at) WITH (autosummarize = on);

CREATE TYPE new_entry AS (
  settlement_id bigint, kind text, of_settlement_id bigint, person_id text, benefit_year smallint, entry_no integer,
  hospital_code text, visit_id text, settle_seq integer, interim boolean, medical_type text, benefit_class text,
  paid_by text, paying_area text, hospital_area text, out_of_area boolean, recoverable boolean, admitted_on date,
  discharged_on date, settled_at timestamptz, total bigint, own_expense bigint, over_limit bigint, first_pay bigint,
  in_scope bigint, basic bigint, serious_illness bigint, supplement bigint, medical_assistance bigint,
  safety_net bigint, hospital bigint, patient bigint, payable_adjustment bigint, deductible bigint, delta jsonb, episode text[], policy_pack text,
  policy_version text, policy_digest text, assumed smallint, engine_version text, digest text, result_digest text,
  warnings text[], reason text, document json, caused_by bigint, balance_state text
);

CREATE TABLE account (
  account_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  path       text NOT NULL UNIQUE,
  kind       text GENERATED ALWAYS AS (split_part(path, '/', 3)) STORED,
  party      text GENERATED ALWAYS AS (split_part(path, '/', 4)) STORED
);

CREATE SEQUENCE transfer_id AS bigint CACHE 200;

CREATE TABLE transfer (
  transfer_id    bigint PRIMARY KEY DEFAULT nextval('transfer_id'),
  event          text NOT NULL,
  settlement_id  bigint,
  debit_account  bigint NOT NULL,
  credit_account bigint NOT NULL,
  amount         bigint NOT NULL CHECK (amount > 0),
  area_code      text NOT NULL,
  fund           text NOT NULL,
  tier           text NOT NULL,
  hospital_code  text NOT NULL,
  hospital_area  text NOT NULL,
  clr_type       text NOT NULL,
  business_date  date NOT NULL,
  period         text NOT NULL CHECK (period ~ '^[0-9]{4}-[0-9]{2}$'),
  benefit_year   smallint NOT NULL,
  fiscal_year    smallint NOT NULL,
  subject        text NOT NULL,
  request_id     text NOT NULL,
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  statement_id   bigint,
  cause          text,
  CONSTRAINT transfer_moves CHECK (debit_account <> credit_account)
);

CREATE INDEX transfer_settlement ON transfer (settlement_id);

CREATE INDEX transfer_hospital ON transfer (hospital_code, area_code, period);

CREATE INDEX transfer_statement ON transfer (statement_id) WHERE statement_id IS NOT NULL;

CREATE INDEX transfer_money ON transfer (cause)
  WHERE event IN ('payment', 'prepayment', 'payment_returned', 'prepayment_returned', 'carry_repaid');

CREATE INDEX transfer_fiscal ON transfer (fiscal_year, area_code);

CREATE UNIQUE INDEX transfer_deduction ON transfer (cause) WHERE event = 'deduction';

CREATE INDEX transfer_recorded ON transfer USING brin (recorded_at) WITH (autosummarize = on);

CREATE INDEX transfer_dated ON transfer USING brin (business_date) WITH (autosummarize = on);

CREATE TYPE new_transfer AS (
  debit text, credit text, amount bigint, fund text, tier text, event text, clr_type text
);

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

CREATE TABLE idempotency (
  subject       text NOT NULL,
  key           text NOT NULL,
  request_hash  bytea NOT NULL,
  status        smallint NOT NULL,
  settlement_id bigint,
  body          bytea,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (subject, key),
  CONSTRAINT idempotency_answer CHECK ((settlement_id IS NULL) <> (body IS NULL))
);

CREATE INDEX idempotency_recorded ON idempotency USING brin (recorded_at) WITH (autosummarize = on);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION lock_key(p_lock text, p_name text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_number CONSTANT bigint NOT NULL := CASE p_lock
    WHEN 'idempotency_key' THEN 1
    WHEN 'person' THEN 2
    WHEN 'area_year' THEN 4
    WHEN 'area_month' THEN 6
    WHEN 'nhsa_message' THEN 12
    WHEN 'subject' THEN 14
  END;
BEGIN
  RETURN hashtextextended(p_name, v_number);
END $$;

GRANT EXECUTE ON FUNCTION lock_key TO onestop_app, onestop_settler;

CREATE FUNCTION reaches(row_hospital text, row_area text, row_hospital_area text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE current_setting('onestop.reach', true)
    WHEN 'all' THEN true
    WHEN 'hospital' THEN row_hospital = current_setting('onestop.hospital', true)
    WHEN 'area' THEN starts_with(row_area, current_setting('onestop.area', true))
                  OR starts_with(row_hospital_area, current_setting('onestop.area', true))
    ELSE false
  END
$$;

GRANT EXECUTE ON FUNCTION reaches TO onestop_app, onestop_settler;

CREATE FUNCTION fiscal_year_of(p_area text, p_benefit_year smallint, p_day date)
RETURNS smallint LANGUAGE plpgsql SECURITY DEFINER SET search_path = frozen, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(lock_key('area_year', p_area));
  RETURN CASE WHEN EXISTS (SELECT FROM fiscal_year_closing c WHERE c.area_code = p_area AND c.year = p_benefit_year)
              THEN extract(year FROM p_day)::smallint ELSE p_benefit_year END;
END $$;

ALTER FUNCTION fiscal_year_of OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION fiscal_year_of TO onestop_app, onestop_settler;

CREATE FUNCTION entry_write(e new_entry, transfers new_transfer[], p_after jsonb, p_key text, p_hash bytea)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = frozen, pg_temp AS $$
DECLARE
  v_subject text := current_setting('onestop.subject');
  v_request text := current_setting('onestop.request_id');
  v_day date := (e.settled_at AT TIME ZONE 'Asia/Shanghai')::date;
  v_fiscal smallint := fiscal_year_of(e.paying_area, e.benefit_year, v_day);
  paths text[];
  paid record;
  posted integer;
BEGIN
  IF NOT coalesce(reaches(e.hospital_code, e.paying_area, e.hospital_area), false)
     AND NOT (e.caused_by IS NOT NULL AND current_setting('onestop.finance', true) = 'true') THEN
    RAISE EXCEPTION 'settlement out of reach' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF e.kind = 'settlement' THEN
    INSERT INTO settled_visit VALUES (e.hospital_code, e.visit_id, e.settle_seq, e.settlement_id);
  ELSIF e.kind = 'adjustment' AND EXISTS (
    SELECT FROM settlement r WHERE r.of_settlement_id = e.of_settlement_id AND r.kind = 'reversal') THEN
    RAISE EXCEPTION 'a reversed settlement can not be adjusted' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO settlement VALUES (
    e.settlement_id, e.kind, e.of_settlement_id, e.person_id, e.benefit_year, e.entry_no, e.hospital_code, e.visit_id,
    e.settle_seq, e.interim, e.medical_type, e.benefit_class, e.paid_by, e.paying_area, e.hospital_area, e.out_of_area,
    e.recoverable, e.admitted_on, e.discharged_on, e.settled_at, e.total, e.own_expense, e.over_limit, e.first_pay,
    e.in_scope, e.basic, e.serious_illness, e.supplement, e.medical_assistance, e.safety_net, e.hospital, e.patient,
    e.payable_adjustment, e.deductible, e.delta, e.episode, e.policy_pack, e.policy_version, e.policy_digest, e.assumed,
    e.engine_version, e.digest, e.result_digest, e.warnings, e.reason, e.document, v_subject, v_request,
    clock_timestamp(), e.caused_by);

  IF e.paid_by = 'patient' THEN
    transfers := claims_move(e, transfers, v_fiscal);
  END IF;
  SELECT array_agg(t.debit) || array_agg(t.credit) INTO paths FROM unnest(transfers) t;
  SELECT sum(o.amount) FILTER (WHERE o.tier = 'basic') AS basic,
         sum(o.amount) FILTER (WHERE o.tier = 'serious_illness') AS serious_illness,
         sum(o.amount) FILTER (WHERE o.tier = 'supplement') AS supplement,
         sum(o.amount) FILTER (WHERE o.tier = 'medical_assistance') AS medical_assistance,
         sum(o.amount) FILTER (WHERE o.tier = 'safety_net') AS safety_net INTO paid
    FROM (SELECT t.tier, CASE WHEN t.debit LIKE '%/expense' THEN t.amount WHEN t.credit LIKE '%/expense' THEN -t.amount
                              ELSE 0 END AS amount FROM unnest(transfers) t) o;
  IF (coalesce(paid.basic, 0), coalesce(paid.serious_illness, 0), coalesce(paid.supplement, 0),
      coalesce(paid.medical_assistance, 0), coalesce(paid.safety_net, 0))
     <> (e.basic + e.payable_adjustment, e.serious_illness, e.supplement, e.medical_assistance, e.safety_net) THEN
    RAISE EXCEPTION 'transfers do not equal what the funds owe' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM unnest(paths) p(path) LEFT JOIN account a USING (path) WHERE a.path IS NULL) THEN
    INSERT INTO account (path) SELECT DISTINCT p.path FROM unnest(paths) p(path) ORDER BY 1 ON CONFLICT DO NOTHING;
  END IF;
  INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier,
                        hospital_code, hospital_area, clr_type, business_date, period, benefit_year, fiscal_year,
                        subject, request_id)
  SELECT t.event, e.settlement_id, d.account_id, c.account_id, t.amount, e.paying_area, t.fund, t.tier, e.hospital_code,
         e.hospital_area, t.clr_type, v_day, to_char(v_day, 'YYYY-MM'), e.benefit_year, v_fiscal, v_subject, v_request
    FROM unnest(transfers) t JOIN account d ON d.path = t.debit JOIN account c ON c.path = t.credit;
  GET DIAGNOSTICS posted = ROW_COUNT;
  IF posted <> coalesce(cardinality(transfers), 0) THEN
    RAISE EXCEPTION 'a transfer was not posted' USING ERRCODE = 'check_violation';
  END IF;

  IF e.balance_state IS NOT NULL THEN
    INSERT INTO patient_balance (settlement_id, person_id, hospital_code, hospital_area, paying_area, amount, state,
                                 opened_at, subject, request_id)
    VALUES (e.settlement_id, e.person_id, e.hospital_code, e.hospital_area, e.paying_area, e.patient, e.balance_state,
            e.settled_at, v_subject, v_request);
  ELSIF e.kind <> 'settlement' AND e.patient <> 0 AND e.paid_by <> 'patient' THEN
    RAISE EXCEPTION 'a correction of the patient''s money needs a balance' USING ERRCODE = 'check_violation';
  END IF;

  IF e.entry_no = 1 THEN
    INSERT INTO person_year VALUES (e.person_id, e.benefit_year, 1, p_after);
  ELSE
    UPDATE person_year SET entries = e.entry_no, accumulators = p_after
     WHERE person_id = e.person_id AND benefit_year = e.benefit_year AND entries = e.entry_no - 1;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'person-year moved on' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;
  IF p_key IS NOT NULL THEN
    INSERT INTO idempotency (subject, key, request_hash, status, settlement_id, request_id)
    VALUES (v_subject, p_key, p_hash, 201, e.settlement_id, v_request);
  END IF;
END $$;

ALTER FUNCTION entry_write OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION entry_write TO onestop_app;

CREATE TRIGGER settled_visit_immutable BEFORE UPDATE OR DELETE ON settled_visit FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settled_visit_kept BEFORE TRUNCATE ON settled_visit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER settlement_immutable BEFORE UPDATE OR DELETE ON settlement FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_kept BEFORE TRUNCATE ON settlement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER account_immutable BEFORE UPDATE OR DELETE ON account FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_kept BEFORE TRUNCATE ON account FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER transfer_immutable BEFORE UPDATE OR DELETE ON transfer FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_kept BEFORE TRUNCATE ON transfer FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE CONSTRAINT TRIGGER settlement_deductions_within AFTER INSERT ON settlement DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.of_settlement_id IS NOT NULL) EXECUTE FUNCTION refuse_change();
CREATE CONSTRAINT TRIGGER transfer_backed AFTER INSERT ON transfer DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.event IN ('payment', 'prepayment', 'payment_returned', 'prepayment_returned', 'carry_repaid'))
  EXECUTE FUNCTION refuse_change();

ALTER TABLE person_year ENABLE ROW LEVEL SECURITY;
CREATE POLICY person_year_settles ON person_year TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON person_year TO onestop_settler;

ALTER TABLE settled_visit ENABLE ROW LEVEL SECURITY;
CREATE POLICY settled_visit_settles ON settled_visit TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON settled_visit TO onestop_settler;

ALTER TABLE settlement ENABLE ROW LEVEL SECURITY;
CREATE POLICY settlement_settles ON settlement TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON settlement TO onestop_settler;

ALTER TABLE account ENABLE ROW LEVEL SECURITY;
CREATE POLICY account_settles ON account TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON account TO onestop_settler;

ALTER TABLE transfer ENABLE ROW LEVEL SECURITY;
CREATE POLICY transfer_settles ON transfer TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON transfer TO onestop_settler;

ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
CREATE POLICY idempotency_settles ON idempotency TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON idempotency TO onestop_settler;

GRANT SELECT ON fiscal_year_closing TO onestop_settler;
GRANT USAGE ON SCHEMA frozen TO onestop_settler;
GRANT USAGE ON SEQUENCE transfer_id TO onestop_settler;

CREATE UNLOGGED TABLE template AS
SELECT json_populate_record(NULL::new_entry, e.entry) AS e, e.document, e.transfers, e.accumulators FROM (VALUES (
  '{"kind": "settlement", "basic": 1253000, "delta": {"own_total": 259245, "basic_paid": 1253000, "serious_base": 6'
  '37000, "serious_paid": 25900, "compliant_own": 259245, "assistance_paid": 427770, "deductible_paid": 100000, "in'
  'patient_count": 1, "safety_net_paid": 626535}, "total": 2592450, "digest": "7410ad371238917e4c54e3ece1dfd261e6b7'
  'd3ba5bfa94808ae430ebb625e2ad", "reason": null, "assumed": 10, "episode": ["HBENCH ZYBENCH"], "interim": false, "'
  'paid_by": "hospital", "patient": 259245, "entry_no": 1, "hospital": 0, "in_scope": 1890000, "visit_id": "ZYBENCH'
  '", "warnings": [], "caused_by": null, "first_pay": 210000, "person_id": "PBENCH", "deductible": 100000, "over_li'
  'mit": 492450, "safety_net": 626535, "settle_seq": 1, "settled_at": "2027-06-30T02:00:00+00:00", "supplement": 0,'
  ' "admitted_on": "2018-05-02", "out_of_area": false, "own_expense": 0, "paying_area": "530100", "policy_pack": "y'
  'unnan", "recoverable": false, "benefit_year": 2018, "medical_type": "21", "benefit_class": "registered_poor", "d'
  'ischarged_on": "2018-05-12", "hospital_area": "530127", "hospital_code": "HBENCH", "policy_digest": "3aa5bf647d5'
  '39afaf1040a464519028b53cb95d3172cada636b6b48046dc491f", "result_digest": "43a8b38110715b818f91d20b517caf47bdd53f'
  '74ba57a6c11b5c2bed903521e5", "settlement_id": 1, "engine_version": "1.0.0", "policy_version": "four-guarantees",'
  ' "serious_illness": 25900, "of_settlement_id": null, "medical_assistance": 427770, "payable_adjustment": 0, "doc'
  'ument": null}'::json,
  '{"inputs":{"policy_digest":"3aa5bf647d539afaf1040a464519028b53cb95d3172cada636b6b48046dc491f","policy_day":"2018'
  '-05-12","entries":[["XBENCH1","B",1000,[null,null,100000000],false,"2017-01-01",null],["XBENCH2","B",1000,[null,'
  'null,100000000],false,"2017-01-01",null],["XBENCH3","B",1000,[null,null,100000000],false,"2017-01-01",null],["XB'
  'ENCH4","B",1000,[null,null,100000000],false,"2017-01-01",null],["XBENCH5","B",1000,[null,null,100000000],false,"'
  '2017-01-01",null],["XBENCH6","B",1000,[null,null,100000000],false,"2017-01-01",null],["XBENCH7","B",1000,[null,n'
  'ull,100000000],false,"2017-01-01",null],["XBENCH8","B",1000,[null,null,100000000],false,"2017-01-01",null],["XBE'
  'NCH9","B",1000,[null,null,100000000],false,"2017-01-01",null],["XBENCH0","B",1000,[null,null,100000000],false,"2'
  '017-01-01",null]],"facts":{"person_id":"PBENCH","area_code":"530127","benefit_class":"registered_poor","hospital'
  '_code":"HBENCH","hospital_level":3,"hospital_rank":"province","hospital_area_code":"530127"},"before":{"assistan'
  'ce_deductible_paid":0,"assistance_paid":0,"basic_paid":0,"chronic_deductible_paid":0,"compliant_own":0,"deductib'
  'le_paid":0,"inpatient_count":0,"outpatient_paid":0,"own_total":0,"safety_net_paid":0,"serious_base":0,"serious_p'
  'aid":0,"tilt_base":0},"episode":{"deductible_paid":0,"deductible_other_years":0,"admission":1},"bill":{"hospital'
  '_code":"HBENCH","visit_id":"ZYBENCH","person_id":"PBENCH","insurance_type":"390","medical_type":"21","admitted_o'
  'n":"2018-05-02","discharged_on":"2018-05-12","referral":"compliant","lines":[{"line_no":1,"item_code":"XBENCH1",'
  '"quantity":"1","unit_price":"123.45","amount":"123.45","charged_at":"2018-05-03T09:30:00+08:00","name":"阿司匹林'
  '肠溶片","hospital_item_code":"Y0001","approved":false,"refund_of_line_no":null},{"line_no":2,"item_code":"XBENCH'
  '2","quantity":"2","unit_price":"123.45","amount":"246.90","charged_at":"2018-05-04T09:30:00+08:00","name":"阿司'
  '匹林肠溶片","hospital_item_code":"Y0002","approved":false,"refund_of_line_no":null},{"line_no":3,"item_code":"XB'
  'ENCH3","quantity":"3","unit_price":"123.45","amount":"370.35","charged_at":"2018-05-05T09:30:00+08:00","name":"'
  '阿司匹林肠溶片","hospital_item_code":"Y0003","approved":false,"refund_of_line_no":null},{"line_no":4,"item_code"'
  ':"XBENCH4","quantity":"4","unit_price":"123.45","amount":"493.80","charged_at":"2018-05-06T09:30:00+08:00","name'
  '":"阿司匹林肠溶片","hospital_item_code":"Y0004","approved":false,"refund_of_line_no":null},{"line_no":5,"item_co'
  'de":"XBENCH5","quantity":"5","unit_price":"123.45","amount":"617.25","charged_at":"2018-05-07T09:30:00+08:00","n'
  'ame":"阿司匹林肠溶片","hospital_item_code":"Y0005","approved":false,"refund_of_line_no":null},{"line_no":6,"item'
  '_code":"XBENCH6","quantity":"6","unit_price":"123.45","amount":"740.70","charged_at":"2018-05-08T09:30:00+08:00"'
  ',"name":"阿司匹林肠溶片","hospital_item_code":"Y0006","approved":false,"refund_of_line_no":null},{"line_no":7,"i'
  'tem_code":"XBENCH7","quantity":"7","unit_price":"123.45","amount":"864.15","charged_at":"2018-05-09T09:30:00+08:'
  '00","name":"阿司匹林肠溶片","hospital_item_code":"Y0007","approved":false,"refund_of_line_no":null},{"line_no":8'
  ',"item_code":"XBENCH8","quantity":"8","unit_price":"123.45","amount":"987.60","charged_at":"2018-05-10T09:30:00+'
  '08:00","name":"阿司匹林肠溶片","hospital_item_code":"Y0008","approved":false,"refund_of_line_no":null},{"line_no'
  '":9,"item_code":"XBENCH9","quantity":"9","unit_price":"123.45","amount":"1111.05","charged_at":"2018-05-11T09:30'
  ':00+08:00","name":"阿司匹林肠溶片","hospital_item_code":"Y0009","approved":false,"refund_of_line_no":null},{"lin'
  'e_no":10,"item_code":"XBENCH0","quantity":"10","unit_price":"123.45","amount":"1234.50","charged_at":"2018-05-02'
  'T09:30:00+08:00","name":"阿司匹林肠溶片","hospital_item_code":"Y0010","approved":false,"refund_of_line_no":null}'
  ',{"line_no":11,"item_code":"XBENCH1","quantity":"11","unit_price":"123.45","amount":"1357.95","charged_at":"2018'
  '-05-03T09:30:00+08:00","name":"阿司匹林肠溶片","hospital_item_code":"Y0011","approved":false,"refund_of_line_no"'
  ':null},{"line_no":12,"item_code":"XBENCH2","quantity":"12","unit_price":"123.45","amount":"1481.40","charged_at"'
  ':"2018-05-04T09:30:00+08:00","name":"阿司匹林肠溶片","hospital_item_code":"Y0012","approved":false,"refund_of_li'
  'ne_no":null},{"line_no":13,"item_code":"XBENCH3","quantity":"13","unit_price":"123.45","amount":"1604.85","charg'
  'ed_at":"2018-05-05T09:30:00+08:00","name":"阿司匹林肠溶片","hospital_item_code":"Y0013","approved":false,"refund'
  '_of_line_no":null},{"line_no":14,"item_code":"XBENCH4","quantity":"14","unit_price":"123.45","amount":"1728.30",'
  '"charged_at":"2018-05-06T09:30:00+08:00","name":"阿司匹林肠溶片","hospital_item_code":"Y0014","approved":false,"'
  'refund_of_line_no":null},{"line_no":15,"item_code":"XBENCH5","quantity":"15","unit_price":"123.45","amount":"185'
  '1.75","charged_at":"2018-05-07T09:30:00+08:00","name":"阿司匹林肠溶片","hospital_item_code":"Y0015","approved":f'
  'alse,"refund_of_line_no":null},{"line_no":16,"item_code":"XBENCH6","quantity":"16","unit_price":"123.45","amount'
  '":"1975.20","charged_at":"2018-05-08T09:30:00+08:00","name":"阿司匹林肠溶片","hospital_item_code":"Y0016","appro'
  'ved":false,"refund_of_line_no":null},{"line_no":17,"item_code":"XBENCH7","quantity":"17","unit_price":"123.45","'
  'amount":"2098.65","charged_at":"2018-05-09T09:30:00+08:00","name":"阿司匹林肠溶片","hospital_item_code":"Y0017",'
  '"approved":false,"refund_of_line_no":null},{"line_no":18,"item_code":"XBENCH8","quantity":"18","unit_price":"123'
  '.45","amount":"2222.10","charged_at":"2018-05-10T09:30:00+08:00","name":"阿司匹林肠溶片","hospital_item_code":"Y'
  '0018","approved":false,"refund_of_line_no":null},{"line_no":19,"item_code":"XBENCH9","quantity":"19","unit_price'
  '":"123.45","amount":"2345.55","charged_at":"2018-05-11T09:30:00+08:00","name":"阿司匹林肠溶片","hospital_item_co'
  'de":"Y0019","approved":false,"refund_of_line_no":null},{"line_no":20,"item_code":"XBENCH0","quantity":"20","unit'
  '_price":"123.45","amount":"2469.00","charged_at":"2018-05-02T09:30:00+08:00","name":"阿司匹林肠溶片","hospital_i'
  'tem_code":"Y0020","approved":false,"refund_of_line_no":null}],"total":"25924.50","settle_seq":1,"interim":false,'
  '"diagnoses":[{"code":"I63.900","name":"脑梗死","main":true}],"disease_code":null,"delivery_mode":null,"transfer_'
  'from":null,"work_injury":"none","paid_by":"hospital","quote_id":null,"expected_patient":null}},"results":{"scope'
  '":{"own_expense":0,"over_limit":492450,"first_pay":210000,"in_scope":1890000},"portions":{"basic":1253000,"serio'
  'us_illness":25900,"medical_assistance":427770,"safety_net":626535,"hospital":0,"patient":259245},"payables":[{"f'
  'und":"390100","tier":"basic","amount":1253000},{"fund":"390200","tier":"serious_illness","amount":25900},{"fund"'
  ':"610100","tier":"medical_assistance","amount":427770},{"fund":"640100","tier":"safety_net","amount":626535}],"a'
  'fter":{"assistance_deductible_paid":0,"assistance_paid":427770,"basic_paid":1253000,"chronic_deductible_paid":0,'
  '"compliant_own":259245,"deductible_paid":100000,"inpatient_count":1,"outpatient_paid":0,"own_total":259245,"safe'
  'ty_net_paid":626535,"serious_base":637000,"serious_paid":25900,"tilt_base":0}},"lines":[[1,"B",0,2345,1000,9000,'
  '"over_ceiling"],[2,"B",0,4690,2000,18000,"over_ceiling"],[3,"B",0,7035,3000,27000,"over_ceiling"],[4,"B",0,9380,'
  '4000,36000,"over_ceiling"],[5,"B",0,11725,5000,45000,"over_ceiling"],[6,"B",0,14070,6000,54000,"over_ceiling"],['
  '7,"B",0,16415,7000,63000,"over_ceiling"],[8,"B",0,18760,8000,72000,"over_ceiling"],[9,"B",0,21105,9000,81000,"ov'
  'er_ceiling"],[10,"B",0,23450,10000,90000,"over_ceiling"],[11,"B",0,25795,11000,99000,"over_ceiling"],[12,"B",0,2'
  '8140,12000,108000,"over_ceiling"],[13,"B",0,30485,13000,117000,"over_ceiling"],[14,"B",0,32830,14000,126000,"ove'
  'r_ceiling"],[15,"B",0,35175,15000,135000,"over_ceiling"],[16,"B",0,37520,16000,144000,"over_ceiling"],[17,"B",0,'
  '39865,17000,153000,"over_ceiling"],[18,"B",0,42210,18000,162000,"over_ceiling"],[19,"B",0,44555,19000,171000,"ov'
  'er_ceiling"],[20,"B",0,46900,20000,180000,"over_ceiling"]],"trace":[{"tier":"scope","rule":"scope","kind":"scope'
  '","name":"政策范围内费用","amount":1890000,"inputs":{"first_pay":210000,"over_limit":492450,"own_expense":0,"tot'
  'al":2592450}},{"tier":"basic","rule":"basic_inpatient","kind":"share","name":"基本医保住院支付","amount":1253000'
  ',"inputs":{"base":1890000,"base_name":"in_scope","cap_year":6000000,"deductible":100000,"deductible_before":0,"d'
  'eductible_full":100000,"rate":7000,"room_cap_year":6000000},"basis":[["basic.inpatient.deductible","assumption",'
  '"一级免起付线，二三级同普通居民","assumed"],["basic.inpatient.deductible","assumption","一二三级医院","assumed"]'
  ',["basic.inpatient.rate","yn-2017-ss","5（要求倾斜，未给数字）","assumed"],["basic.cap_year","assumption","住院'
  '与慢特病合计","assumed"]],"room":{"cap_year":4747000}},{"tier":"serious_illness","rule":"serious_illness","kind"'
  ':"bands","name":"大病保险支付","amount":25900,"inputs":{"bands":[[5000000,7000],[10000000,7000],[null,8000]],"ba'
  'se":637000,"base_after":637000,"base_before":0,"cap_year":45000000,"deductible":600000,"room_cap_year":45000000,'
  '"uncapped":25900},"basis":[["serious.deductible","yn-2017-ss","5（起付线降低50%）","enacted"],["serious.deductib'
  'le","assumption","普通居民","assumed"],["serious.bands","yn-2017-ss","5（比例达到70%；每段都适用为本系统的理解）'
  '","assumed"],["serious.bands","assumption","自零起分段","assumed"],["serious.cap_year","yn-2017-ss","5（封顶线提'
  '高50%）","enacted"],["serious.cap_year","assumption","普通居民","assumed"]],"room":{"cap_year":44974100}},{"tier'
  '":"medical_assistance","rule":"assistance","kind":"share","name":"医疗救助支付","amount":427770,"inputs":{"base"'
  ':611100,"base_name":"remaining_in_scope","cap_year":10000000,"deductible":0,"deductible_before":0,"deductible_fu'
  'll":0,"rate":7000,"room_cap_year":10000000},"basis":[["assistance.deductible_year","assumption","不设起付线","as'
  'sumed"],["assistance.rate","assumption","低保、建档立卡","assumed"],["assistance.cap_year","yzbf-2017-102","据称'
  '至少10万元","assumed"]],"room":{"cap_year":9572230}},{"tier":"safety_net","rule":"safety_net_floor","kind":"floo'
  'r","name":"兜底保障补足","amount":626535,"inputs":{"base":2592450,"base_name":"total_less_hospital","paid_before'
  '":1706670,"rate":9000,"target":2333205},"basis":[["safety_net.floor","yzbf-2017-102","实际补偿比例达到90%","enac'
  'ted"]]},{"tier":"safety_net","rule":"safety_net_own_cap","kind":"own_cap","name":"兜底保障年度自付封顶","amount"'
  ':0,"inputs":{"base_name":"remaining_total","cap":986200,"own":259245,"own_before":0},"basis":[["safety_net.own_c'
  'ap","assumption","2017年度全省","assumed"]],"room":{"own_cap":726955}},{"tier":"patient","rule":"patient","kind"'
  ':"patient","name":"个人负担","amount":259245,"inputs":{"basic":1253000,"hospital":0,"medical_assistance":427770,'
  '"safety_net":626535,"serious_illness":25900,"total":2592450}}],"form":2}'::json,
  '{"(area:530100/fund:390100/expense,area:530100/fund:390100/payable/hospital:HBENCH,1253000,390100,basic,settleme'
  'nt,21)","(area:530100/fund:390200/expense,area:530100/fund:390200/payable/hospital:HBENCH,25900,390200,serious_i'
  'llness,settlement,21)","(area:530100/fund:610100/expense,area:530100/fund:610100/payable/hospital:HBENCH,427770,'
  '610100,medical_assistance,settlement,21)","(area:530100/fund:640100/expense,area:530100/fund:640100/payable/hosp'
  'ital:HBENCH,626535,640100,safety_net,settlement,21)"}'::new_transfer[],
  '{"own_total": 259245, "tilt_base": 0, "basic_paid": 1253000, "serious_base": 637000, "serious_paid": 25900, "com'
  'pliant_own": 259245, "assistance_paid": 427770, "deductible_paid": 100000, "inpatient_count": 1, "outpatient_pai'
  'd": 0, "safety_net_paid": 626535, "chronic_deductible_paid": 0, "assistance_deductible_paid": 0}'::jsonb)) e(entry, document, transfers, accumulators);
RESET search_path;
