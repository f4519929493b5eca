-- Statements, reconciliation, audit, orders, prepayments, deposits, closings. Amounts are fen, rates ten-thousandths.

-- Which move each kind of object may make; the rows are those of rules/moves.sql. What isn't here the database refuses.
CREATE TABLE state_move (
  kind       text NOT NULL,
  from_state text NOT NULL,
  to_state   text NOT NULL,
  PRIMARY KEY (kind, from_state, to_state)
);

-- Every move of every object: who, when, why. Beside subject and request_id on each row, this is clearing's audit
-- record.
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
CREATE INDEX clearing_event_recorded ON clearing_event USING brin (recorded_at) WITH (autosummarize = on);

-- A hospital's statement of a month for an area; it has one that isn't withdrawn.
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
  reconciled_on date,
  audited_on    date,
  withdrawn_on  date,
  approved_by   text,
  approved_on   date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX statement_once ON statement (hospital_code, area_code, period) WHERE withdrawn_on IS NULL;
CREATE INDEX statement_area ON statement (area_code, period);

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

-- A part is statement × fund × fiscal year: the unit that has a state. Its state and its statement's are derived
-- (part_state(), statement_state()); what is recorded is its approval. amount: what it declares, signed fen.
CREATE TABLE statement_part (
  part_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  statement_id  bigint NOT NULL REFERENCES statement,
  fund          text NOT NULL,
  fiscal_year   smallint NOT NULL,
  amount        bigint NOT NULL,
  state         text NOT NULL DEFAULT 'declared'
                CHECK (state IN ('declared', 'reconciled', 'audited', 'approved', 'ordered', 'settled',
                  'carried_forward')),
  approved_by   text,
  approved_on   date,
  hospital_code text NOT NULL,
  hospital_area text NOT NULL,
  area_code     text NOT NULL,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT statement_part_once UNIQUE (statement_id, fund, fiscal_year),
  CONSTRAINT statement_part_of UNIQUE (part_id, statement_id, fund, fiscal_year),
  CONSTRAINT statement_part_signed CHECK ((approved_by IS NULL) = (approved_on IS NULL))
);
CREATE INDEX statement_part_to_order ON statement_part (area_code) WHERE state = 'approved';

-- One comparison of a statement with what the hospital sent.
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

-- What a reconciliation found different, until somebody resolves it.
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

-- What the audit takes off a settlement, of a part of a statement or of a person's claim: proposed, then accepted, or
-- appealed and decided. The table claim comes later and adds its foreign key.
CREATE TABLE deduction (
  deduction_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  statement_id   bigint REFERENCES statement,
  part_id        bigint,
  claim_id       bigint,
  settlement_id  bigint NOT NULL REFERENCES settlement,
  line_no        integer,
  fund           text NOT NULL,
  fiscal_year    smallint NOT NULL,
  amount         bigint NOT NULL CHECK (amount > 0),
  reason_code    text NOT NULL,
  reason         text NOT NULL,
  state          text NOT NULL DEFAULT 'proposed'
                 CHECK (state IN ('proposed', 'accepted', 'appealed', 'decided', 'lapsed')),
  upheld         bigint CHECK (upheld BETWEEN 0 AND amount),
  given_back     bigint NOT NULL DEFAULT 0,
  proposed_on    date NOT NULL,
  appeal_by      date NOT NULL,
  appeal_reason  text,
  appealed_by    text,
  appealed_on    date,
  decide_by      date,
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
  CONSTRAINT deduction_of_part FOREIGN KEY (part_id, statement_id, fund, fiscal_year)
    REFERENCES statement_part (part_id, statement_id, fund, fiscal_year),
  CONSTRAINT deduction_of CHECK (num_nonnulls(part_id, claim_id) = 1 AND (part_id IS NULL) = (statement_id IS NULL)),
  CONSTRAINT deduction_given_back CHECK (given_back BETWEEN 0 AND coalesce(upheld, 0)),
  CONSTRAINT deduction_decided_by_another CHECK (decided_by <> subject AND decided_by <> appealed_by),
  CONSTRAINT deduction_upheld CHECK ((upheld IS NOT NULL) = (state IN ('accepted', 'decided', 'lapsed')))
);
CREATE INDEX deduction_statement ON deduction (statement_id);
CREATE INDEX deduction_part ON deduction (part_id);
CREATE INDEX deduction_settlement ON deduction (settlement_id);
CREATE INDEX deduction_claim ON deduction (claim_id) WHERE claim_id IS NOT NULL;

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
  cancelled_on   date,
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT deposit_release_by_another CHECK (approved_by <> subject),
  CONSTRAINT deposit_release_approved CHECK ((state = 'approved') = (approved_by IS NOT NULL))
);
CREATE UNIQUE INDEX deposit_release_once ON deposit_release (hospital_code, area_code, fund, year)
  WHERE state = 'draft';

-- An order to pay, fen: amount = gross − deposit − offset − carried. What is net 0 or less moves nothing and is
-- carried forward.
CREATE TABLE disbursement (
  disbursement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  statement_id  bigint REFERENCES statement,
  part_id       bigint,
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
  repaid        bigint NOT NULL DEFAULT 0,
  state         text NOT NULL DEFAULT 'draft'
                CHECK (state IN ('draft', 'approved', 'sent', 'paid', 'part_paid', 'returned', 'cancelled',
                                 'carried_forward')),
  taken_by      bigint REFERENCES disbursement,
  released_by   bigint REFERENCES deposit_release,
  due_on        date NOT NULL,
  created_on    date NOT NULL,
  approved_by   text,
  approved_on   date,
  account_change_id bigint REFERENCES hospital_account,
  cancelled_on  date,
  sent_by       text,
  sent_on       date,
  paid_on       date,
  document_number text CHECK (length(document_number) BETWEEN 1 AND 60),
  numbered_by   text,
  numbered_on   date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT disbursement_numbered CHECK (num_nonnulls(numbered_by, numbered_on) IN (0, 2)
    AND (document_number IS NULL OR numbered_by IS NOT NULL)),
  CONSTRAINT disbursement_of CHECK ((statement_id IS NULL) <> (release_id IS NULL)),
  CONSTRAINT disbursement_of_part FOREIGN KEY (part_id, statement_id, fund, fiscal_year)
    REFERENCES statement_part (part_id, statement_id, fund, fiscal_year),
  CONSTRAINT disbursement_part CHECK ((part_id IS NULL) = (statement_id IS NULL)),
  CONSTRAINT disbursement_repaid CHECK (repaid BETWEEN 0 AND CASE state WHEN 'carried_forward' THEN -amount ELSE 0 END),
  CONSTRAINT disbursement_cancelled CHECK ((state = 'cancelled') = (cancelled_on IS NOT NULL)),
  CONSTRAINT disbursement_net CHECK (amount = gross - deposit - offset_amount - carried),
  CONSTRAINT disbursement_positive CHECK (CASE state WHEN 'carried_forward' THEN amount <= 0 ELSE amount >= 0 END),
  CONSTRAINT disbursement_paid CHECK (paid BETWEEN 0 AND greatest(amount, 0)),
  CONSTRAINT disbursement_paid_whole CHECK (CASE state
    WHEN 'paid' THEN paid = amount
    WHEN 'part_paid' THEN paid > 0 AND paid < amount
    ELSE paid = 0 END),
  CONSTRAINT disbursement_by_another CHECK (approved_by <> subject),
  CONSTRAINT disbursement_approved CHECK (state IN ('draft', 'cancelled', 'carried_forward') OR approved_by IS NOT NULL)
);
CREATE UNIQUE INDEX disbursement_once ON disbursement (part_id) WHERE state <> 'cancelled';
CREATE UNIQUE INDEX disbursement_release ON disbursement (release_id) WHERE state <> 'cancelled';
CREATE INDEX disbursement_newest ON disbursement (recorded_at DESC, disbursement_id DESC);
CREATE INDEX disbursement_party ON disbursement (hospital_code, area_code, fund);
CREATE INDEX disbursement_unpaid ON disbursement (due_on) WHERE state NOT IN ('paid', 'cancelled', 'carried_forward');
-- The list of orders is sorted and paged on the server.
CREATE INDEX disbursement_due ON disbursement (due_on, disbursement_id)
  WHERE state NOT IN ('paid', 'cancelled', 'carried_forward');

-- Money that a hospital gets ahead of its orders, and that they take back.
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
  account_change_id bigint REFERENCES hospital_account,
  cancelled_on  date,
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

-- How much of a prepayment an order took: negative when the order was cancelled.
CREATE TABLE prepayment_offset (
  offset_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  prepayment_id   bigint NOT NULL REFERENCES prepayment,
  disbursement_id bigint NOT NULL REFERENCES disbursement,
  amount          bigint NOT NULL CHECK (amount <> 0)
);
CREATE INDEX prepayment_offset_of ON prepayment_offset (disbursement_id);

-- What a fund owes a person who paid a bill in cash (零星报销): one per settlement, fund and fiscal year. `gross` is what the
-- postings of the settlement and its corrections come to, `deducted` what stands of its deductions; `approved_amount` and
-- `account`, the person's, are as they were at the approval. `at_bank` is what the bank was asked to pay, since
-- `at_bank_since`, and has not paid: a correction doesn't call it back.
CREATE TABLE claim (
  claim_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  settlement_id bigint NOT NULL REFERENCES settlement,
  person_id     text NOT NULL,
  hospital_code text NOT NULL,
  hospital_area text NOT NULL,
  area_code     text NOT NULL,
  fund          text NOT NULL,
  fiscal_year   smallint NOT NULL,
  gross         bigint NOT NULL DEFAULT 0 CHECK (gross >= 0),
  deducted      bigint NOT NULL DEFAULT 0 CHECK (deducted BETWEEN 0 AND gross),
  amount        bigint NOT NULL GENERATED ALWAYS AS (gross - deducted) STORED,
  paid          bigint NOT NULL DEFAULT 0 CHECK (paid >= 0),
  approved_amount bigint,
  at_bank       bigint NOT NULL DEFAULT 0 CHECK (at_bank >= 0),
  at_bank_since date,
  account       bytea,
  state         text NOT NULL DEFAULT 'draft'
                CHECK (state IN ('draft', 'approved', 'sent', 'paid', 'part_paid', 'returned', 'cancelled', 'reversed',
                                 'recoverable_from_person')),
  created_on    date NOT NULL,
  approved_by   text,
  approved_on   date,
  cancelled_on  date,
  sent_by       text,
  sent_on       date,
  paid_on       date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT claim_once UNIQUE (settlement_id, fund, fiscal_year),
  CONSTRAINT claim_of UNIQUE (claim_id, settlement_id, fund, fiscal_year),
  CONSTRAINT claim_by_another CHECK (approved_by <> subject),
  CONSTRAINT claim_within CHECK (paid <= gross - deducted OR state = 'recoverable_from_person'),
  CONSTRAINT claim_approved CHECK (state NOT IN ('approved', 'sent', 'paid', 'part_paid', 'returned')
                                   OR approved_by IS NOT NULL)
);
CREATE INDEX claim_newest ON claim (recorded_at DESC, claim_id DESC);
CREATE INDEX claim_person ON claim (person_id);
CREATE INDEX claim_open ON claim (state) WHERE state NOT IN ('paid', 'reversed', 'cancelled');
ALTER TABLE deduction ADD CONSTRAINT deduction_of_claim FOREIGN KEY (claim_id, settlement_id, fund, fiscal_year)
  REFERENCES claim (claim_id, settlement_id, fund, fiscal_year);

-- The account to which a person's claims are paid, encrypted; each change holds once another person has approved it.
CREATE TABLE person_account (
  change_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person_id   text NOT NULL,
  account     bytea,
  state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'replaced')),
  approved_by text,
  approved_on date,
  subject     text NOT NULL,
  request_id  text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT person_account_by_another CHECK (approved_by <> subject),
  CONSTRAINT person_account_approved CHECK ((state = 'approved') <= (approved_by IS NOT NULL))
);
CREATE UNIQUE INDEX person_account_pending ON person_account (person_id) WHERE state = 'pending';
CREATE UNIQUE INDEX person_account_current ON person_account (person_id) WHERE state = 'approved';

-- The bank's confirmations: of an order, a prepayment or a claim. A reference is used once, for ever.
CREATE TABLE bank_movement (
  bank_reference  text PRIMARY KEY,
  movement_id     bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  kind            text NOT NULL CHECK (kind IN ('payment', 'return', 'repayment')),
  disbursement_id bigint REFERENCES disbursement,
  prepayment_id   bigint REFERENCES prepayment,
  claim_id        bigint REFERENCES claim,
  amount          bigint NOT NULL CHECK (amount > 0),
  value_on        date NOT NULL,
  reason          text,
  subject         text NOT NULL,
  request_id      text NOT NULL,
  recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT bank_movement_of CHECK (num_nonnulls(disbursement_id, prepayment_id, claim_id) = 1)
);
CREATE INDEX bank_movement_recorded ON bank_movement USING brin (recorded_at) WITH (autosummarize = on);
CREATE INDEX bank_movement_order ON bank_movement (disbursement_id);
-- Whoever types a reference in another case means the same payment.
CREATE UNIQUE INDEX bank_movement_reference ON bank_movement (upper(bank_reference));
CREATE INDEX bank_movement_prepayment ON bank_movement (prepayment_id);
CREATE INDEX bank_movement_claim ON bank_movement (claim_id);

-- What is given to the bank in one file, of one paying area and account: maker, checker, and what the checker saw
-- (`control_sum` and the digest of the rows, from the approval on). `files` counts how often its file was given out.
-- `document_number` is the office's own.
CREATE TABLE payment_batch (
  batch_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  area_code      text NOT NULL,
  funds          text[] NOT NULL,
  paying_account jsonb NOT NULL,
  state          text NOT NULL DEFAULT 'draft'
                 CHECK (state IN ('draft', 'approved', 'sent', 'answered', 'cancelled')),
  control_sum    bigint,
  digest         bytea,
  files          integer NOT NULL DEFAULT 0 CHECK (files >= 0),
  subject        text NOT NULL,
  request_id     text NOT NULL,
  created_on     date NOT NULL,
  approved_by    text,
  approved_on    date,
  sent_by        text,
  sent_on        date,
  cancelled_on   date,
  answered_on    date,
  document_number text CHECK (length(document_number) BETWEEN 1 AND 60),
  numbered_by    text,
  numbered_on    date,
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT payment_batch_numbered CHECK (num_nonnulls(numbered_by, numbered_on) IN (0, 2)
    AND (document_number IS NULL OR numbered_by IS NOT NULL)),
  CONSTRAINT payment_batch_by_another CHECK (approved_by <> subject),
  CONSTRAINT payment_batch_checked CHECK (state IN ('draft', 'cancelled')
    OR num_nonnulls(approved_by, control_sum, digest) = 3)
);

-- A row of a payment batch: an order or a claim, and how much the bank is asked to pay of it: what was outstanding when
-- the batch was drafted, and from the checker's approval on what was outstanding then. `live` until it has ended: by
-- the bank's answer, as not executed, or with its batch.
CREATE TABLE payment_batch_item (
  item_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch_id        bigint NOT NULL REFERENCES payment_batch,
  item_no         integer NOT NULL,
  disbursement_id bigint REFERENCES disbursement,
  claim_id        bigint REFERENCES claim,
  fund            text NOT NULL,
  amount          bigint NOT NULL CHECK (amount > 0),
  live            boolean NOT NULL DEFAULT true,
  result          text CHECK (result IN ('paid', 'returned', 'not_executed', 'cancelled')),
  reason          text,
  asked_by        text,
  ended_by        text,
  CONSTRAINT payment_batch_item_no UNIQUE (batch_id, item_no),
  CONSTRAINT payment_batch_item_of CHECK (num_nonnulls(disbursement_id, claim_id) = 1),
  CONSTRAINT payment_batch_item_ended CHECK (live = (result IS NULL)),
  CONSTRAINT payment_batch_item_by_another CHECK (result <> 'not_executed'
    OR asked_by <> ended_by AND num_nonnulls(asked_by, ended_by, reason) = 3)
);
-- An order or a claim is in one live batch.
CREATE UNIQUE INDEX payment_batch_item_order ON payment_batch_item (disbursement_id) WHERE live;
CREATE UNIQUE INDEX payment_batch_item_claim ON payment_batch_item (claim_id) WHERE live;

-- A file of the bank's answer as it was received, and what became of each of its rows. One that matched nothing waits
-- until somebody has looked at it and closes it with a reason, which books nothing.
CREATE TABLE bank_receipt (
  receipt_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  area_code   text NOT NULL,
  format      text NOT NULL CHECK (format IN ('camt', 'sheet')),
  digest      bytea NOT NULL,
  received_on date NOT NULL,
  subject     text NOT NULL,
  request_id  text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE bank_receipt_row (
  receipt_id      bigint NOT NULL REFERENCES bank_receipt,
  row_no          integer NOT NULL,
  bank_reference  text,
  end_to_end_id   text,
  amount          bigint NOT NULL,
  value_on        date NOT NULL,
  result          text NOT NULL CHECK (result IN ('paid', 'returned', 'unknown', 'already_booked', 'amount_differs')),
  disbursement_id bigint REFERENCES disbursement,
  claim_id        bigint REFERENCES claim,
  proposed        text,
  reason          text,
  closed_by       text,
  closed_on       date,
  closing_reason  text,
  PRIMARY KEY (receipt_id, row_no),
  CONSTRAINT bank_receipt_row_closed CHECK (num_nonnulls(closed_by, closed_on, closing_reason) IN (0, 3)
    AND (closed_by IS NULL OR result IN ('unknown', 'amount_differs')))
);
-- What the bank did of an order under one reference is taken once, in however many files it stands.
CREATE UNIQUE INDEX bank_receipt_row_once
  ON bank_receipt_row (upper(bank_reference), coalesce(disbursement_id, -claim_id), result)
  WHERE result IN ('paid', 'returned');
CREATE INDEX bank_receipt_row_open ON bank_receipt_row (receipt_id, row_no)
  WHERE result IN ('unknown', 'amount_differs') AND closed_by IS NULL;

-- A year below the floor is closed only with one of these, signed by two; kept for ever.
CREATE TABLE payout_exception (
  exception_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  area_code    text NOT NULL,
  fund         text NOT NULL,
  year         smallint NOT NULL,
  reason       text NOT NULL,
  state        text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'approved', 'cancelled')),
  created_on   date NOT NULL,
  approved_by  text,
  approved_on  date,
  subject      text NOT NULL,
  request_id   text NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT payout_exception_by_another CHECK (approved_by <> subject),
  CONSTRAINT payout_exception_approved CHECK ((state = 'approved') = (approved_by IS NOT NULL))
);
CREATE UNIQUE INDEX payout_exception_once ON payout_exception (area_code, fund, year) WHERE state <> 'cancelled';

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

-- The years that are closed, with their sums as they were then.
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

-- The monthly report of an area.
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

-- A family doctor contract is paid once a month.
CREATE TABLE family_doctor_fee (
  contract_id text NOT NULL,
  period      text NOT NULL,
  transfer_id bigint NOT NULL REFERENCES transfer,
  PRIMARY KEY (contract_id, period)
);

-- That somebody looked at the bank, after a restoration, for what was paid and isn't here: of the areas that begin so
-- (all of them: empty) and of these funds (NULL: all), until a day. It counts once another person has approved it.
CREATE TABLE bank_check (
  check_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  restoration_id bigint NOT NULL REFERENCES restoration,
  checked_until  date NOT NULL,
  area_prefix    text NOT NULL,
  funds          text[],
  state          text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'approved')),
  approved_by    text,
  approved_on    date,
  subject        text NOT NULL,
  request_id     text NOT NULL,
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT bank_check_by_another CHECK (approved_by <> subject),
  CONSTRAINT bank_check_approved CHECK ((state = 'approved') = (approved_by IS NOT NULL))
);
