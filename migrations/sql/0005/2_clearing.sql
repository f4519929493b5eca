-- Which move each kind of object may make. The services name them too; what isn't here the database refuses.
CREATE TABLE state_move (
  kind       text NOT NULL,
  from_state text NOT NULL,
  to_state   text NOT NULL,
  PRIMARY KEY (kind, from_state, to_state)
);
INSERT INTO state_move VALUES
  ('statement', 'declared', 'reconciled'), ('statement', 'declared', 'audited'), ('statement', 'declared', 'approved'),
  ('statement', 'declared', 'withdrawn'), ('statement', 'reconciled', 'audited'), ('statement', 'reconciled', 'approved'),
  ('statement', 'reconciled', 'declared'), ('statement', 'audited', 'approved'), ('statement', 'approved', 'settled'),
  ('statement', 'settled', 'approved'),
  ('difference', 'open', 'resolved'),
  ('deduction', 'proposed', 'accepted'), ('deduction', 'proposed', 'appealed'), ('deduction', 'appealed', 'decided'),
  ('deduction', 'proposed', 'lapsed'), ('deduction', 'appealed', 'lapsed'),
  ('disbursement', 'draft', 'approved'), ('disbursement', 'draft', 'cancelled'), ('disbursement', 'draft', 'paid'),
  ('disbursement', 'approved', 'sent'), ('disbursement', 'approved', 'cancelled'),
  ('disbursement', 'sent', 'paid'), ('disbursement', 'sent', 'part_paid'), ('disbursement', 'sent', 'cancelled'),
  ('disbursement', 'part_paid', 'paid'), ('disbursement', 'part_paid', 'returned'),
  ('disbursement', 'paid', 'part_paid'), ('disbursement', 'paid', 'returned'),
  ('disbursement', 'returned', 'paid'), ('disbursement', 'returned', 'part_paid'), ('disbursement', 'returned', 'cancelled'),
  ('prepayment', 'draft', 'approved'), ('prepayment', 'draft', 'cancelled'), ('prepayment', 'approved', 'sent'),
  ('prepayment', 'approved', 'cancelled'), ('prepayment', 'sent', 'paid'), ('prepayment', 'sent', 'part_paid'),
  ('prepayment', 'sent', 'cancelled'), ('prepayment', 'part_paid', 'paid'), ('prepayment', 'part_paid', 'returned'),
  ('prepayment', 'paid', 'offset'), ('prepayment', 'paid', 'returned'), ('prepayment', 'offset', 'paid'),
  ('deposit_release', 'draft', 'approved'), ('deposit_release', 'draft', 'cancelled'),
  ('exception', 'draft', 'approved'),
  ('fiscal_month', 'open', 'soft'), ('fiscal_month', 'open', 'hard'), ('fiscal_month', 'soft', 'hard'),
  ('fiscal_month', 'soft', 'open'), ('fiscal_month', 'hard', 'open'),
  ('monthly_report', 'draft', 'submitted'), ('monthly_report', 'submitted', 'approved');

-- Arguments: the kind, then every column that may change besides state. A row is never removed.
CREATE FUNCTION only_moves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  free text[] := TG_ARGV[1:] || ARRAY['state'];
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - free = to_jsonb(NEW) - free
     AND (OLD.state = NEW.state OR EXISTS (SELECT FROM state_move m WHERE m.kind = TG_ARGV[0] AND m.from_state = OLD.state
                                             AND m.to_state = NEW.state)) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '%: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

-- Every move of every object: who, when, why. Beside subject and request_id on each row, this is clearing's audit record.
CREATE TABLE clearing_event (
  event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  object_id   text NOT NULL,
  move        text NOT NULL,
  reason      text,
  amount      bigint,
  business_at timestamptz NOT NULL,
  hospital_code text,
  hospital_area text,
  area_code   text NOT NULL,
  fund        text,
  subject     text NOT NULL,
  request_id  text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX clearing_event_object ON clearing_event (object_id, event_id);

CREATE TABLE statement (
  statement_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code text NOT NULL,
  hospital_area text NOT NULL,
  area_code     text NOT NULL,
  period        text NOT NULL CHECK (period ~ '^[0-9]{4}-[0-9]{2}$'),
  state         text NOT NULL DEFAULT 'declared'
                CHECK (state IN ('declared', 'reconciled', 'audited', 'approved', 'settled', 'withdrawn')),
  declared_at   timestamptz NOT NULL,
  pay_by        date NOT NULL,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX statement_once ON statement (hospital_code, area_code, period) WHERE state <> 'withdrawn';
CREATE INDEX statement_area ON statement (area_code, period);
CREATE TRIGGER statement_moves BEFORE UPDATE OR DELETE ON statement FOR EACH ROW EXECUTE FUNCTION only_moves('statement');

-- A posting of a hospital's payable account is declared once; a withdrawn statement lets it go.
CREATE TABLE statement_item (
  statement_id bigint NOT NULL REFERENCES statement,
  transfer_id  bigint NOT NULL REFERENCES transfer,
  withdrawn    boolean NOT NULL DEFAULT false,
  PRIMARY KEY (statement_id, transfer_id)
);
CREATE UNIQUE INDEX statement_item_once ON statement_item (transfer_id) WHERE NOT withdrawn;

-- What a statement declares, signed fen; the sum of its items, checked against them.
CREATE TABLE statement_total (
  statement_id bigint NOT NULL REFERENCES statement,
  fund         text NOT NULL,
  tier         text NOT NULL,
  clr_type     text NOT NULL,
  fiscal_year  smallint NOT NULL,
  postings     integer NOT NULL,
  settlements  integer NOT NULL,
  amount       bigint NOT NULL,
  PRIMARY KEY (statement_id, fund, tier, clr_type, fiscal_year)
);

CREATE TABLE statement_approval (
  statement_id bigint NOT NULL REFERENCES statement,
  fund         text NOT NULL,
  subject      text NOT NULL,
  request_id   text NOT NULL,
  approved_on  date NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (statement_id, fund)
);
CREATE FUNCTION approval_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM statement s WHERE s.statement_id = NEW.statement_id AND s.subject = NEW.subject) THEN
    RAISE EXCEPTION 'maker is checker' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER statement_approval_by_another BEFORE INSERT ON statement_approval
  FOR EACH ROW EXECUTE FUNCTION approval_by_another();

CREATE TABLE reconciliation (
  reconciliation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  statement_id  bigint NOT NULL REFERENCES statement,
  basis         text NOT NULL CHECK (basis IN ('totals', 'file')),
  result        text NOT NULL CHECK (result IN ('matched', 'different')),
  within_grace  integer NOT NULL DEFAULT 0,
  business_at   timestamptz NOT NULL,
  hospital_code text NOT NULL,
  hospital_area text NOT NULL,
  area_code     text NOT NULL,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX reconciliation_statement ON reconciliation (statement_id);

CREATE TABLE difference (
  difference_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  reconciliation_id bigint NOT NULL REFERENCES reconciliation,
  statement_id      bigint NOT NULL REFERENCES statement,
  type              text NOT NULL CHECK (type IN ('only_ours', 'only_theirs', 'amount_mismatch')),
  settlement_id     bigint REFERENCES settlement,
  their_reference   text,
  fund              text NOT NULL,
  ours              bigint,
  theirs            bigint,
  ours_count        integer,
  theirs_count      integer,
  state             text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved')),
  opened_on         date NOT NULL,
  resolution        text,
  resolved_by       text,
  resolved_on       date,
  hospital_code     text NOT NULL,
  hospital_area     text NOT NULL,
  area_code         text NOT NULL,
  subject           text NOT NULL,
  request_id        text NOT NULL,
  recorded_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX difference_open ON difference (statement_id) WHERE state = 'open';
CREATE INDEX difference_reconciliation ON difference (reconciliation_id);
CREATE TRIGGER difference_moves BEFORE UPDATE OR DELETE ON difference FOR EACH ROW
  EXECUTE FUNCTION only_moves('difference', 'resolution', 'resolved_by', 'resolved_on');

CREATE TABLE deduction (
  deduction_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  statement_id   bigint NOT NULL REFERENCES statement,
  settlement_id  bigint NOT NULL REFERENCES settlement,
  line_no        integer,
  fund           text NOT NULL,
  fiscal_year    smallint NOT NULL,
  amount         bigint NOT NULL CHECK (amount > 0),
  reason_code    text NOT NULL,
  reason         text NOT NULL,
  state          text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'accepted', 'appealed', 'decided', 'lapsed')),
  upheld         bigint CHECK (upheld BETWEEN 0 AND amount),
  proposed_on    date NOT NULL,
  appeal_by      date NOT NULL,
  appeal_reason  text,
  appealed_by    text,
  appealed_on    date,
  outcome        text CHECK (outcome IN ('upheld', 'reduced', 'dismissed')),
  decision_reason text,
  decided_by     text,
  decided_on     date,
  hospital_code  text NOT NULL,
  hospital_area  text NOT NULL,
  area_code      text NOT NULL,
  subject        text NOT NULL,
  request_id     text NOT NULL,
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT deduction_decided_by_another CHECK (decided_by <> subject AND decided_by <> appealed_by),
  CONSTRAINT deduction_upheld CHECK ((upheld IS NOT NULL) = (state IN ('accepted', 'decided', 'lapsed')))
);
CREATE INDEX deduction_statement ON deduction (statement_id);
CREATE INDEX deduction_settlement ON deduction (settlement_id);
CREATE TRIGGER deduction_moves BEFORE UPDATE OR DELETE ON deduction FOR EACH ROW
  EXECUTE FUNCTION only_moves('deduction', 'upheld', 'appeal_reason', 'appealed_by', 'appealed_on', 'outcome',
                              'decision_reason', 'decided_by', 'decided_on');

-- The final settlement of a year's deposits of one hospital, fund and area.
CREATE TABLE deposit_release (
  release_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code  text NOT NULL,
  hospital_area  text NOT NULL,
  area_code      text NOT NULL,
  fund           text NOT NULL,
  year           smallint NOT NULL,
  deposit        bigint NOT NULL CHECK (deposit > 0),
  assessed_ratio smallint NOT NULL CHECK (assessed_ratio BETWEEN 0 AND 10000),
  amount         bigint NOT NULL CHECK (amount BETWEEN 0 AND deposit),
  reason         text NOT NULL,
  state          text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'approved', 'cancelled')),
  subject        text NOT NULL,
  request_id     text NOT NULL,
  created_on     date NOT NULL,
  approved_by    text,
  approved_on    date,
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT deposit_release_by_another CHECK (approved_by <> subject),
  CONSTRAINT deposit_release_approved CHECK ((state = 'approved') = (approved_by IS NOT NULL))
);
CREATE UNIQUE INDEX deposit_release_once ON deposit_release (hospital_code, area_code, fund, year) WHERE state <> 'cancelled';
CREATE TRIGGER deposit_release_moves BEFORE UPDATE OR DELETE ON deposit_release FOR EACH ROW
  EXECUTE FUNCTION only_moves('deposit_release', 'approved_by', 'approved_on');

-- An order to pay, fen: amount = gross − deposit − offset − carried. What is net 0 or less moves nothing and is carried forward.
CREATE TABLE disbursement (
  disbursement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  statement_id  bigint REFERENCES statement,
  release_id    bigint REFERENCES deposit_release,
  hospital_code text NOT NULL,
  hospital_area text NOT NULL,
  area_code     text NOT NULL,
  fund          text NOT NULL,
  fiscal_year   smallint NOT NULL,
  period        text NOT NULL,
  gross         bigint NOT NULL,
  deposit_rate  smallint NOT NULL CHECK (deposit_rate BETWEEN 0 AND 10000),
  deposit       bigint NOT NULL CHECK (deposit >= 0),
  offset_amount bigint NOT NULL CHECK (offset_amount >= 0),
  carried       bigint NOT NULL CHECK (carried >= 0),
  amount        bigint NOT NULL,
  paid          bigint NOT NULL DEFAULT 0,
  state         text NOT NULL DEFAULT 'draft'
                CHECK (state IN ('draft', 'approved', 'sent', 'paid', 'part_paid', 'returned', 'cancelled', 'carried_forward')),
  taken_by      bigint REFERENCES disbursement,
  due_on        date NOT NULL,
  created_on    date NOT NULL,
  approved_by   text,
  approved_on   date,
  sent_by       text,
  sent_on       date,
  paid_on       date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT disbursement_of CHECK ((statement_id IS NULL) <> (release_id IS NULL)),
  CONSTRAINT disbursement_net CHECK (amount = gross - deposit - offset_amount - carried),
  CONSTRAINT disbursement_positive CHECK (CASE state WHEN 'carried_forward' THEN amount <= 0 ELSE amount >= 0 END),
  CONSTRAINT disbursement_paid CHECK (paid BETWEEN 0 AND greatest(amount, 0)),
  CONSTRAINT disbursement_paid_whole CHECK (CASE state WHEN 'paid' THEN paid = amount WHEN 'part_paid' THEN paid > 0 AND paid < amount
                                                       ELSE paid = 0 END),
  CONSTRAINT disbursement_by_another CHECK (approved_by <> subject),
  CONSTRAINT disbursement_approved CHECK (state IN ('draft', 'cancelled', 'carried_forward') OR approved_by IS NOT NULL)
);
CREATE UNIQUE INDEX disbursement_once ON disbursement (statement_id, fund, fiscal_year) WHERE state <> 'cancelled';
CREATE UNIQUE INDEX disbursement_release ON disbursement (release_id) WHERE state <> 'cancelled';
CREATE INDEX disbursement_newest ON disbursement (recorded_at DESC, disbursement_id DESC);
CREATE INDEX disbursement_party ON disbursement (hospital_code, area_code, fund);
CREATE INDEX disbursement_unpaid ON disbursement (due_on) WHERE state NOT IN ('paid', 'cancelled', 'carried_forward');
CREATE TRIGGER disbursement_moves BEFORE UPDATE OR DELETE ON disbursement FOR EACH ROW
  EXECUTE FUNCTION only_moves('disbursement', 'paid', 'taken_by', 'approved_by', 'approved_on', 'sent_by', 'sent_on', 'paid_on');

CREATE TABLE prepayment (
  prepayment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code text NOT NULL,
  hospital_area text NOT NULL,
  area_code     text NOT NULL,
  fund          text NOT NULL,
  year          smallint NOT NULL,
  amount        bigint NOT NULL CHECK (amount > 0),
  paid          bigint NOT NULL DEFAULT 0 CHECK (paid BETWEEN 0 AND amount),
  offset_amount bigint NOT NULL DEFAULT 0 CHECK (offset_amount >= 0),
  returned      bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
  state         text NOT NULL DEFAULT 'draft'
                CHECK (state IN ('draft', 'approved', 'sent', 'part_paid', 'paid', 'offset', 'returned', 'cancelled')),
  created_on    date NOT NULL,
  approved_by   text,
  approved_on   date,
  sent_by       text,
  sent_on       date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT prepayment_outstanding CHECK (offset_amount + returned <= paid),
  CONSTRAINT prepayment_by_another CHECK (approved_by <> subject),
  CONSTRAINT prepayment_approved CHECK (state IN ('draft', 'cancelled') OR approved_by IS NOT NULL)
);
CREATE INDEX prepayment_party ON prepayment (hospital_code, area_code, fund, year);
CREATE INDEX prepayment_newest ON prepayment (recorded_at DESC, prepayment_id DESC);
CREATE TRIGGER prepayment_moves BEFORE UPDATE OR DELETE ON prepayment FOR EACH ROW
  EXECUTE FUNCTION only_moves('prepayment', 'paid', 'offset_amount', 'returned', 'approved_by', 'approved_on', 'sent_by', 'sent_on');

-- How much of a prepayment an order took: negative when the order was cancelled.
CREATE TABLE prepayment_offset (
  offset_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  prepayment_id   bigint NOT NULL REFERENCES prepayment,
  disbursement_id bigint NOT NULL REFERENCES disbursement,
  amount          bigint NOT NULL CHECK (amount <> 0)
);
CREATE INDEX prepayment_offset_of ON prepayment_offset (disbursement_id);

-- The bank's confirmations: of an order or of a prepayment. A reference is used once, for ever.
CREATE TABLE bank_movement (
  bank_reference  text PRIMARY KEY,
  kind            text NOT NULL CHECK (kind IN ('payment', 'return')),
  disbursement_id bigint REFERENCES disbursement,
  prepayment_id   bigint REFERENCES prepayment,
  amount          bigint NOT NULL CHECK (amount > 0),
  value_on        date NOT NULL,
  reason          text,
  subject         text NOT NULL,
  request_id      text NOT NULL,
  recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT bank_movement_of CHECK ((disbursement_id IS NULL) <> (prepayment_id IS NULL))
);
CREATE INDEX bank_movement_order ON bank_movement (disbursement_id);
CREATE INDEX bank_movement_prepayment ON bank_movement (prepayment_id);

-- A year below the floor is closed only with one of these, signed by two; kept for ever.
CREATE TABLE payout_exception (
  exception_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  area_code    text NOT NULL,
  fund         text NOT NULL,
  year         smallint NOT NULL,
  reason       text NOT NULL,
  state        text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'approved')),
  created_on   date NOT NULL,
  approved_by  text,
  approved_on  date,
  subject      text NOT NULL,
  request_id   text NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT payout_exception_by_another CHECK (approved_by <> subject),
  CONSTRAINT payout_exception_approved CHECK ((state = 'approved') = (approved_by IS NOT NULL))
);
CREATE UNIQUE INDEX payout_exception_once ON payout_exception (area_code, fund, year);
CREATE TRIGGER payout_exception_moves BEFORE UPDATE OR DELETE ON payout_exception FOR EACH ROW
  EXECUTE FUNCTION only_moves('exception', 'approved_by', 'approved_on');

-- No row: the month is open. figures: the month's sums as they were when it was closed.
CREATE TABLE fiscal_month (
  area_code   text NOT NULL,
  period      text NOT NULL CHECK (period ~ '^[0-9]{4}-[0-9]{2}$'),
  state       text NOT NULL CHECK (state IN ('open', 'soft', 'hard')),
  figures     jsonb NOT NULL,
  closed_by   text NOT NULL,
  closed_on   date NOT NULL,
  reopened_by text,
  reopened_on date,
  subject     text NOT NULL,
  request_id  text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (area_code, period),
  CONSTRAINT fiscal_month_reopened_by_another CHECK (state <> 'open' OR reopened_by <> closed_by)
);
CREATE TRIGGER fiscal_month_moves BEFORE UPDATE OR DELETE ON fiscal_month FOR EACH ROW
  EXECUTE FUNCTION only_moves('fiscal_month', 'figures', 'closed_by', 'closed_on', 'reopened_by', 'reopened_on', 'subject',
                              'request_id');

CREATE TABLE monthly_report (
  area_code    text NOT NULL,
  period       text NOT NULL CHECK (period ~ '^[0-9]{4}-[0-9]{2}$'),
  state        text NOT NULL CHECK (state IN ('draft', 'submitted', 'approved')),
  content      jsonb NOT NULL,
  due_on       date NOT NULL,
  submitted_on date,
  approved_by  text,
  approved_on  date,
  subject      text NOT NULL,
  request_id   text NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (area_code, period),
  CONSTRAINT monthly_report_by_another CHECK (approved_by <> subject)
);
CREATE TRIGGER monthly_report_moves BEFORE UPDATE OR DELETE ON monthly_report FOR EACH ROW
  EXECUTE FUNCTION only_moves('monthly_report', 'submitted_on', 'approved_by', 'approved_on');

-- A family doctor contract is paid once a month.
CREATE TABLE family_doctor_fee (
  contract_id text NOT NULL,
  period      text NOT NULL,
  transfer_id bigint NOT NULL REFERENCES transfer,
  PRIMARY KEY (contract_id, period)
);

-- What was sealed: a block names its rows, with their digests, and the block before it.
-- form: the version of the content that digests are taken of.
CREATE TABLE seal_block (
  block_no    bigint PRIMARY KEY,
  form        smallint NOT NULL,
  previous    bytea NOT NULL,
  digest      bytea NOT NULL,
  members     integer NOT NULL,
  sealed_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE seal_member (
  source   text NOT NULL CHECK (source IN ('settlement', 'transfer', 'clearing_event')),
  row_id   bigint NOT NULL,
  block_no bigint NOT NULL REFERENCES seal_block,
  digest   bytea NOT NULL,
  PRIMARY KEY (source, row_id)
);
CREATE INDEX seal_member_block ON seal_member (block_no);

DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['clearing_event', 'statement_total', 'statement_approval', 'reconciliation', 'prepayment_offset',
                                'bank_movement', 'fiscal_year_closing', 'family_doctor_fee', 'seal_block', 'seal_member', 'state_move'] LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()',
                   wanted || '_immutable', wanted);
  END LOOP;
  FOREACH wanted IN ARRAY ARRAY['clearing_event', 'statement', 'statement_item', 'statement_total', 'statement_approval', 'reconciliation',
                                'difference', 'deduction', 'deposit_release', 'disbursement', 'prepayment', 'prepayment_offset',
                                'bank_movement', 'payout_exception', 'fiscal_year_closing', 'fiscal_month', 'monthly_report',
                                'family_doctor_fee', 'seal_block', 'seal_member'] LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                   wanted || '_kept', wanted);
  END LOOP;
END $$;

CREATE FUNCTION only_withdrawn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NOT OLD.withdrawn AND NEW.withdrawn AND OLD.transfer_id = NEW.transfer_id
     AND OLD.statement_id = NEW.statement_id THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'statement_item: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER statement_item_moves BEFORE UPDATE OR DELETE ON statement_item FOR EACH ROW EXECUTE FUNCTION only_withdrawn();

-- Takes into a statement every posting of its hospital's payable account, of its month or earlier, that no statement has, and
-- sums them. It works with every fund in sight, whoever declares.
CREATE FUNCTION statement_fill(p_statement_id bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  s statement;
  mine bigint[];
  taken bigint[];
BEGIN
  SELECT * INTO STRICT s FROM statement WHERE statement_id = p_statement_id;
  IF NOT coalesce(reaches(s.hospital_code, s.area_code, s.hospital_area), false) OR s.state <> 'declared'
     OR EXISTS (SELECT FROM statement_item i WHERE i.statement_id = p_statement_id) THEN
    RAISE EXCEPTION 'statement out of reach' USING ERRCODE = 'insufficient_privilege';
  END IF;
  mine := ARRAY(SELECT a.account_id FROM account a WHERE a.kind = 'payable' AND a.party = 'hospital:' || s.hospital_code);
  -- Looked for before anything is written: an INSERT that reads its own growing table can take the square of the time.
  taken := ARRAY(
    SELECT t.transfer_id FROM transfer t
     WHERE t.hospital_code = s.hospital_code AND t.area_code = s.area_code AND t.period <= s.period
       AND t.event IN ('settlement', 'reversal', 'adjustment', 'recovery', 'deduction_reversed', 'family_doctor')
       AND (t.debit_account = ANY (mine) OR t.credit_account = ANY (mine))
       AND NOT EXISTS (SELECT FROM statement_item i WHERE i.transfer_id = t.transfer_id AND NOT i.withdrawn));
  INSERT INTO statement_item (statement_id, transfer_id) SELECT s.statement_id, unnest(taken);
  INSERT INTO statement_total (statement_id, fund, tier, clr_type, fiscal_year, postings, settlements, amount)
  SELECT s.statement_id, t.fund, t.tier, t.clr_type, t.fiscal_year, count(*), count(DISTINCT t.settlement_id),
         sum(CASE WHEN t.credit_account = ANY (mine) THEN t.amount ELSE -t.amount END)
    FROM unnest(taken) x(transfer_id) JOIN transfer t USING (transfer_id)
   GROUP BY t.fund, t.tier, t.clr_type, t.fiscal_year;
END $$;
