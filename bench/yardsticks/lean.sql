-- The lean yardstick of bench.settling, never tuned: what a settlement must write at the very least, in one function.
CREATE SCHEMA lean;
CREATE TABLE lean.person_year (person text PRIMARY KEY, entries integer NOT NULL, document jsonb NOT NULL);
CREATE TABLE lean.settlement (settlement_id bigint PRIMARY KEY, person text NOT NULL, settled_at timestamptz NOT NULL,
  document json NOT NULL);
CREATE INDEX ON lean.settlement (person);
CREATE TABLE lean.tier (settlement_id bigint NOT NULL, tier text NOT NULL, amount bigint NOT NULL,
  PRIMARY KEY (settlement_id, tier));
CREATE TABLE lean.ledger (ledger_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, settlement_id bigint NOT NULL,
  debit integer NOT NULL, credit integer NOT NULL, amount bigint NOT NULL);
CREATE INDEX ON lean.ledger (settlement_id);
CREATE TABLE lean.key (key text PRIMARY KEY, hash bytea NOT NULL, settlement_id bigint NOT NULL);
CREATE SEQUENCE lean.settlement_id CACHE 50;
INSERT INTO lean.person_year SELECT 'P' || n, 0, '{"paid": 0}' FROM generate_series(1, 4000) n;

CREATE FUNCTION lean.settle(p_person text, p_key text, p_document json) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_id bigint := nextval('lean.settlement_id');
BEGIN
  PERFORM FROM lean.person_year WHERE person = p_person FOR UPDATE;
  INSERT INTO lean.settlement VALUES (v_id, p_person, clock_timestamp(), p_document);
  INSERT INTO lean.tier VALUES (v_id, 'basic', 700), (v_id, 'serious_illness', 100), (v_id, 'medical_assistance', 100),
    (v_id, 'safety_net', 50);
  INSERT INTO lean.ledger (settlement_id, debit, credit, amount) VALUES (v_id, 1, 2, 700), (v_id, 3, 4, 100),
    (v_id, 5, 6, 150);
  UPDATE lean.person_year SET entries = entries + 1 WHERE person = p_person;
  INSERT INTO lean.key VALUES (p_key, '\x00', v_id);
  RETURN v_id;
END $$;
