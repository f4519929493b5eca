-- The ledger and its seals. Amounts are fen.

-- kind and party say what an account is for and whose it is, so that a fold needs no pattern:
-- area:530100/fund:390100/payable/hospital:H1.
CREATE TABLE account (
  account_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  path       text NOT NULL UNIQUE,
  kind       text GENERATED ALWAYS AS (split_part(path, '/', 3)) STORED,
  party      text GENERATED ALWAYS AS (split_part(path, '/', 4)) STORED
);

-- A session takes ids in blocks, so that they cost no trip and no lock.
CREATE SEQUENCE transfer_id AS bigint CACHE 200;

-- One debit account, one credit account, one positive amount: it can't be unbalanced. statement_id: the statement a
-- movement of its money belongs to; cause: the order, deduction, prepayment or contract that caused it.
-- No foreign keys: twelve of their checks a settlement, with locks on the accounts that everybody posts to, were a tenth
-- of its cost. The two functions that post take accounts and settlement from their tables, neither of which ever loses
-- or changes a row, and the proof of the ledger looks for what isn't there (posted_to_known).
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
-- What money_backed() sums.
CREATE INDEX transfer_money ON transfer (cause)
  WHERE event IN ('payment', 'prepayment', 'payment_returned', 'prepayment_returned', 'carry_repaid');
CREATE INDEX transfer_fiscal ON transfer (fiscal_year, area_code);
-- A deduction reduces a payable once.
CREATE UNIQUE INDEX transfer_deduction ON transfer (cause) WHERE event = 'deduction';
-- Rows come in the order of time, so these stay tiny: the latest rows are found without a burden on settling.
CREATE INDEX transfer_recorded ON transfer USING brin (recorded_at) WITH (autosummarize = on);
CREATE INDEX transfer_dated ON transfer USING brin (business_date) WITH (autosummarize = on);

-- One transfer that entry_write() is to post.
CREATE TYPE new_transfer AS (
  debit text, credit text, amount bigint, fund text, tier text, event text, clr_type text
);

-- What was sealed: a block names its rows, with their digests, and the block before it.
-- form: the version of the content that digests are taken of. mark: below this transaction every row is in a block,
-- as far as it was recorded since shortly before the block.
CREATE TABLE seal_block (
  block_no    bigint PRIMARY KEY,
  form        smallint NOT NULL,
  previous    bytea NOT NULL,
  digest      bytea NOT NULL,
  members     integer NOT NULL,
  sealed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  mark        bigint
);

CREATE TABLE seal_member (
  source   text NOT NULL CHECK (source IN ('settlement', 'settlement_older', 'transfer', 'clearing_event', 'audit_event',
           'disbursement', 'bank_movement', 'payment_batch', 'token', 'issue', 'seal_finding',
           'seal_acknowledgement')),
  row_id   bigint NOT NULL,
  block_no bigint NOT NULL REFERENCES seal_block,
  digest   bytea NOT NULL,
  PRIMARY KEY (source, row_id)
);
CREATE INDEX seal_member_block ON seal_member (block_no);

-- A completed pass over everything. mark: the oldest transaction that ran when it began; no older one can still commit.
CREATE TABLE seal_pass (
  pass_no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mark         bigint NOT NULL,
  completed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- When a block was last compared with its rows. Tells only what is due next; nothing is proven by it.
CREATE TABLE seal_verified (
  block_no    bigint PRIMARY KEY,
  verified_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX seal_verified_oldest ON seal_verified (verified_at);

-- What verifying found: a row or block that isn't as it was sealed. evidence: what stands in its place (the digest of
-- the row's content, the block's digest as reckoned now), so that another change of the same row is another finding.
-- mended_at: when it was as sealed again.
CREATE TABLE seal_finding (
  finding_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind        text NOT NULL CHECK (kind IN ('edited', 'removed', 'unsealed', 'block', 'chain')),
  block_no    bigint,
  source      text,
  row_id      bigint,
  evidence    bytea NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  mended_at   timestamptz
);
CREATE UNIQUE INDEX seal_finding_standing ON seal_finding (kind, block_no, source, row_id, evidence)
  NULLS NOT DISTINCT WHERE mended_at IS NULL;

-- Why a finding may stay as it is: one person says it (confirms is null), another confirms it (maker: the first one).
-- The foreign key makes a confirmation name the maker and finding of what it confirms.
CREATE TABLE seal_acknowledgement (
  acknowledgement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  finding_id         bigint NOT NULL REFERENCES seal_finding,
  reason             text NOT NULL CHECK (reason <> ''),
  confirms           bigint,
  maker              text,
  subject            text NOT NULL,
  request_id         text NOT NULL,
  recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (acknowledgement_id, subject, finding_id),
  FOREIGN KEY (confirms, maker, finding_id) REFERENCES seal_acknowledgement (acknowledgement_id, subject, finding_id),
  CONSTRAINT seal_acknowledgement_whole CHECK ((confirms IS NULL) = (maker IS NULL)),
  CONSTRAINT seal_acknowledgement_by_another CHECK (maker <> subject)
);
CREATE INDEX seal_acknowledgement_finding ON seal_acknowledgement (finding_id);
CREATE UNIQUE INDEX seal_acknowledgement_once ON seal_acknowledgement (finding_id) WHERE confirms IS NOT NULL;

-- What was posted, summed (decision 0034). grain: one business day, or a whole month, whose last day stands in day.
-- cause only where a payment belongs to no statement. amount: fen, postings: how many transfers.
CREATE TABLE posting_sum (
  grain          text NOT NULL CHECK (grain IN ('day', 'month')),
  day            date NOT NULL,
  fiscal_year    smallint NOT NULL,
  benefit_year   smallint NOT NULL,
  period         text NOT NULL,
  area_code      text NOT NULL,
  hospital_code  text NOT NULL,
  hospital_area  text NOT NULL,
  fund           text NOT NULL,
  tier           text NOT NULL,
  event          text NOT NULL,
  clr_type       text NOT NULL,
  debit_account  bigint NOT NULL,
  credit_account bigint NOT NULL,
  statement_id   bigint,
  cause          text,
  postings       bigint NOT NULL CHECK (postings > 0),
  amount         bigint NOT NULL CHECK (amount > 0)
);
CREATE UNIQUE INDEX posting_sum_once ON posting_sum (grain, day, fiscal_year, hospital_code, fund, event, debit_account,
  credit_account, period, clr_type, tier, benefit_year, statement_id, cause, area_code, hospital_area)
  NULLS NOT DISTINCT;
CREATE INDEX posting_sum_month ON posting_sum (fiscal_year, day) WHERE grain = 'month';

-- A pass that added to the sums. mark: the oldest transaction that ran then; what older ones posted is in the sums.
-- next: the transaction that would have come next. since: no row of a transaction from mark on was written before it.
-- cluster: transactions are counted by one database cluster; in another the sums are made anew.
CREATE TABLE posting_roll (
  pass_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mark    bigint NOT NULL,
  next    bigint NOT NULL,
  since   timestamptz NOT NULL,
  cluster bigint NOT NULL,
  made_at timestamptz NOT NULL DEFAULT transaction_timestamp()
);

-- The items of a statement, summed like the postings themselves. day: the last of the month.
CREATE TABLE statement_sum (
  statement_id   bigint NOT NULL,
  day            date NOT NULL,
  fiscal_year    smallint NOT NULL,
  period         text NOT NULL,
  area_code      text NOT NULL,
  hospital_code  text NOT NULL,
  hospital_area  text NOT NULL,
  fund           text NOT NULL,
  event          text NOT NULL,
  debit_account  bigint NOT NULL,
  credit_account bigint NOT NULL,
  own_statement  bigint,
  amount         bigint NOT NULL CHECK (amount > 0)
);
CREATE UNIQUE INDEX statement_sum_once ON statement_sum (statement_id, day, fiscal_year, period, fund, event,
  debit_account, credit_account, own_statement) NULLS NOT DISTINCT;
CREATE INDEX statement_sum_year ON statement_sum (fiscal_year);
