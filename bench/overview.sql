-- Fills the real tables for bench/overview.py, as their owner, without triggers. $N is put in by the bench: hospitals,
-- settlements, the last day. One real settlement is there already; all others are made of it. Five funds owe each bill,
-- every ended month is declared, approved, ordered and, of most hospitals, paid.
SET session_replication_role = replica;
SET synchronous_commit = off;
SET work_mem = '256MB';
SET maintenance_work_mem = '256MB';

CREATE TABLE bench_hospital AS
SELECT n, 'BH' || n AS code, '530127' AS area FROM generate_series(1, $hospitals) n;
CREATE TABLE bench_fund (fund text, tier text, share integer);
INSERT INTO bench_fund VALUES ('390100', 'basic', 5000), ('390200', 'serious_illness', 1500), ('620101', 'supplement', 300),
  ('610100', 'medical_assistance', 800), ('640100', 'safety_net', 200);
INSERT INTO hospital (code, name, level, rank, area_code, subject, request_id)
SELECT code, '县第' || n || '医院', 2, 'county', area, 'bench', 'bench' FROM bench_hospital;
INSERT INTO account (path)
SELECT 'area:530100/fund:' || fund || '/' || k.kind || CASE WHEN k.kind = 'expense' THEN '' ELSE '/hospital:' || h.code END
  FROM bench_fund, bench_hospital h, (VALUES ('expense'), ('payable'), ('cash')) k(kind)
ON CONFLICT DO NOTHING;

CREATE TABLE bench_settled AS
SELECT n, nextval('settlement_id') AS settlement_id, 'BH' || (1 + n % $hospitals) AS hospital_code,
       date '2018-01-01' + (n::bigint * (date '$last' - date '2018-01-01') / $settlements)::integer AS day,
       (10000 + abs(hashint4(n)) % 1000000)::bigint AS total, (ARRAY['11', '14', '21'])[1 + n % 3] AS medical_type
  FROM generate_series(1, $settlements) n;
INSERT INTO settlement ($columns)
SELECT $values FROM bench_settled b CROSS JOIN (SELECT * FROM settlement ORDER BY settlement_id LIMIT 1) s ORDER BY b.n;
INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier, hospital_code,
  hospital_area, clr_type, business_date, period, benefit_year, fiscal_year, subject, request_id, recorded_at)
SELECT 'settlement', b.settlement_id, d.account_id, c.account_id, b.total * f.share / 10000, '530100', f.fund, f.tier,
       b.hospital_code, '530127', b.medical_type, b.day, to_char(b.day, 'YYYY-MM'), extract(year FROM b.day),
       extract(year FROM b.day), 'bench', 'bench', b.day + interval '9 hours'
  FROM bench_settled b CROSS JOIN bench_fund f
  JOIN account d ON d.path = 'area:530100/fund:' || f.fund || '/expense'
  JOIN account c ON c.path = 'area:530100/fund:' || f.fund || '/payable/hospital:' || b.hospital_code
 ORDER BY b.n;

INSERT INTO statement (hospital_code, hospital_area, area_code, period, state, declared_at, pay_by, audited_on, subject,
  request_id)
SELECT h.code, h.area, '530100', to_char(m, 'YYYY-MM'), 'approved', m + interval '1 month 4 days 2 hours',
       (m + interval '1 month 24 days')::date, (m + interval '1 month 5 days')::date, 'li', 'bench'
  FROM bench_hospital h, generate_series(timestamp '2018-01-01', date '$last' - interval '36 days', '1 month') m;
INSERT INTO statement_item (statement_id, transfer_id)
SELECT s.statement_id, t.transfer_id FROM transfer t
  JOIN statement s ON (s.hospital_code, s.period) = (t.hospital_code, t.period) AND t.event = 'settlement';
INSERT INTO statement_total (statement_id, fund, tier, clr_type, fiscal_year, postings, settlements, amount)
SELECT i.statement_id, t.fund, t.tier, t.clr_type, t.fiscal_year, count(*), count(*), sum(t.amount)
  FROM statement_item i JOIN transfer t USING (transfer_id) GROUP BY 1, 2, 3, 4, 5;
INSERT INTO statement_part (statement_id, fund, fiscal_year, amount, state, approved_by, approved_on, hospital_code,
  hospital_area, area_code, subject, request_id)
SELECT t.statement_id, t.fund, t.fiscal_year, sum(t.amount), 'ordered', 'wang', s.audited_on, s.hospital_code,
       s.hospital_area, s.area_code, 'li', 'bench'
  FROM statement_total t JOIN statement s USING (statement_id) GROUP BY 1, 2, 3, s.audited_on, s.hospital_code, s.hospital_area,
  s.area_code;
-- Of every tenth hospital the last three months wait.
INSERT INTO disbursement (statement_id, part_id, hospital_code, hospital_area, area_code, fund, fiscal_year, period,
  gross, deposit_rate, deposit, offset_amount, carried, amount, paid, state, due_on, created_on, approved_by,
  approved_on, sent_by, sent_on, paid_on, subject, request_id)
SELECT p.statement_id, p.part_id, p.hospital_code, p.hospital_area, p.area_code, p.fund, p.fiscal_year, s.period,
       p.amount, 0, 0, 0, 0, p.amount, CASE WHEN w.waits THEN 0 ELSE p.amount END,
       CASE WHEN w.waits THEN 'sent' ELSE 'paid' END, s.pay_by, s.audited_on + 1, 'wang', s.audited_on + 2, 'wang',
       s.audited_on + 3, CASE WHEN w.waits THEN NULL ELSE s.pay_by - 1 END, 'li', 'bench'
  FROM statement_part p JOIN statement s USING (statement_id),
       LATERAL (SELECT s.hospital_code LIKE '%0' AND s.pay_by > date '$last' - 90 OR s.pay_by > date '$last' AS waits) w;
INSERT INTO transfer (event, debit_account, credit_account, amount, area_code, fund, tier, hospital_code, hospital_area,
  clr_type, business_date, period, benefit_year, fiscal_year, subject, request_id, statement_id, cause)
SELECT 'payment', d.account_id, c.account_id, o.paid, o.area_code, o.fund, '', o.hospital_code, o.hospital_area, '',
       o.paid_on, to_char(o.paid_on, 'YYYY-MM'), o.fiscal_year, o.fiscal_year, 'bench', 'bench', o.statement_id,
       'dis_' || o.disbursement_id
  FROM disbursement o JOIN account d ON d.path = 'area:530100/fund:' || o.fund || '/payable/hospital:' || o.hospital_code
  JOIN account c ON c.path = 'area:530100/fund:' || o.fund || '/cash/hospital:' || o.hospital_code
 WHERE o.state = 'paid';
-- A hundredth of a percent of the postings was cut.
INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier, hospital_code,
  hospital_area, clr_type, business_date, period, benefit_year, fiscal_year, subject, request_id, statement_id, cause)
SELECT 'deduction', t.settlement_id, t.credit_account, t.debit_account, 100, t.area_code, t.fund, t.tier,
       t.hospital_code, t.hospital_area, t.clr_type, s.audited_on, to_char(s.audited_on, 'YYYY-MM'), t.benefit_year,
       t.fiscal_year, 'bench', 'bench', s.statement_id, 'ded_' || t.transfer_id
  FROM transfer t JOIN statement_item i USING (transfer_id) JOIN statement s ON s.statement_id = i.statement_id
 WHERE t.transfer_id % 1000 = 1;
-- What a pass looks for was recorded since the last one, and these rows say that they were recorded long ago: it is as
-- if no pass had been made.
DELETE FROM posting_sum;
DELETE FROM posting_roll;
RESET session_replication_role;
CREATE TABLE bench_filled AS SELECT now() AS at;
