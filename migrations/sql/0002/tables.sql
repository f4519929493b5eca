-- Which correction made this adjustment necessary; none for a settlement, a reversal, a refund or a readjudication.
ALTER TABLE settlement ADD COLUMN caused_by bigint REFERENCES settlement;
ALTER TABLE settlement ADD CONSTRAINT settlement_caused CHECK (caused_by IS NULL OR kind = 'adjustment') NOT VALID;
ALTER TABLE settlement VALIDATE CONSTRAINT settlement_caused;
CREATE INDEX settlement_caused_by ON settlement (caused_by) WHERE caused_by IS NOT NULL;

-- What a correction leaves between patient and hospital: its patient amount, fen; negative is owed to the patient.
CREATE TABLE patient_balance (
  balance_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  settlement_id     bigint NOT NULL UNIQUE REFERENCES settlement,
  person_id         text NOT NULL,
  hospital_code     text NOT NULL,
  hospital_area     text NOT NULL,
  paying_area       text NOT NULL,
  amount            bigint NOT NULL CHECK (amount <> 0),
  state             text NOT NULL,
  opened_at         timestamptz NOT NULL,
  paid_on           date,
  reference         text,
  subject           text NOT NULL,
  request_id        text NOT NULL,
  recorded_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  closed_by         text,
  closed_request_id text,
  closed_at         timestamptz,
  CONSTRAINT patient_balance_state CHECK (CASE state WHEN 'open' THEN true WHEN 'refunded' THEN amount < 0
                                                     WHEN 'collected' THEN amount > 0 WHEN 'waived' THEN amount > 0 ELSE false END),
  CONSTRAINT patient_balance_paid CHECK ((state IN ('refunded', 'collected')) = (paid_on IS NOT NULL AND reference IS NOT NULL))
);
CREATE INDEX patient_balance_newest ON patient_balance (recorded_at DESC, balance_id DESC);
CREATE INDEX patient_balance_hospital ON patient_balance (hospital_code, recorded_at DESC, balance_id DESC);

-- open -> refunded | collected | waived, once. Nothing else of a balance changes, and none is removed.
CREATE FUNCTION patient_balance_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.state = 'open' AND NEW.state <> 'open'
     AND to_jsonb(OLD) - ARRAY['state', 'paid_on', 'reference', 'closed_by', 'closed_request_id', 'closed_at']
       = to_jsonb(NEW) - ARRAY['state', 'paid_on', 'reference', 'closed_by', 'closed_request_id', 'closed_at'] THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'patient_balance: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER patient_balance_moves BEFORE UPDATE OR DELETE ON patient_balance FOR EACH ROW EXECUTE FUNCTION patient_balance_move();
CREATE TRIGGER patient_balance_kept BEFORE TRUNCATE ON patient_balance FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE patient_balance ENABLE ROW LEVEL SECURITY;
CREATE POLICY patient_balance_reach ON patient_balance TO onestop_app USING (reaches(hospital_code, paying_area, hospital_area));
CREATE POLICY patient_balance_settles ON patient_balance FOR INSERT TO onestop_settler WITH CHECK (true);
GRANT SELECT, UPDATE (state, paid_on, reference, closed_by, closed_request_id, closed_at) ON patient_balance TO onestop_app;
GRANT INSERT ON patient_balance TO onestop_settler;
