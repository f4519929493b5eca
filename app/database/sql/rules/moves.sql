-- Which move each kind of object may make; only_moves() refuses the others. The services name them too
-- (app/clearing/moves.py).
TRUNCATE state_move;
INSERT INTO state_move VALUES
  ('statement', 'declared', 'reconciled'), ('statement', 'declared', 'audited'),
  ('statement', 'declared', 'approved'), ('statement', 'declared', 'withdrawn'),
  ('statement', 'reconciled', 'audited'), ('statement', 'reconciled', 'approved'),
  ('statement', 'reconciled', 'declared'), ('statement', 'audited', 'approved'),
  ('statement', 'approved', 'settled'), ('statement', 'settled', 'approved'),
  ('difference', 'open', 'resolved'),
  ('deduction', 'proposed', 'accepted'), ('deduction', 'proposed', 'appealed'),
  ('deduction', 'appealed', 'decided'), ('deduction', 'proposed', 'lapsed'), ('deduction', 'appealed', 'lapsed'),
  ('disbursement', 'draft', 'approved'), ('disbursement', 'draft', 'cancelled'), ('disbursement', 'draft', 'paid'),
  ('disbursement', 'approved', 'sent'), ('disbursement', 'approved', 'cancelled'), ('disbursement', 'sent', 'paid'),
  ('disbursement', 'sent', 'part_paid'), ('disbursement', 'sent', 'cancelled'),
  ('disbursement', 'part_paid', 'paid'), ('disbursement', 'part_paid', 'returned'),
  ('disbursement', 'paid', 'part_paid'), ('disbursement', 'paid', 'returned'), ('disbursement', 'returned', 'paid'),
  ('disbursement', 'returned', 'part_paid'), ('disbursement', 'returned', 'cancelled'),
  ('prepayment', 'draft', 'approved'), ('prepayment', 'draft', 'cancelled'), ('prepayment', 'approved', 'sent'),
  ('prepayment', 'approved', 'cancelled'), ('prepayment', 'sent', 'paid'), ('prepayment', 'sent', 'part_paid'),
  ('prepayment', 'sent', 'cancelled'), ('prepayment', 'part_paid', 'paid'), ('prepayment', 'part_paid', 'returned'),
  ('prepayment', 'paid', 'offset'), ('prepayment', 'paid', 'returned'), ('prepayment', 'offset', 'paid'),
  ('deposit_release', 'draft', 'approved'), ('deposit_release', 'draft', 'cancelled'),
  ('exception', 'draft', 'approved'),
  ('fiscal_month', 'open', 'soft'), ('fiscal_month', 'open', 'hard'), ('fiscal_month', 'soft', 'hard'),
  ('fiscal_month', 'soft', 'open'), ('fiscal_month', 'hard', 'open'),
  ('monthly_report', 'draft', 'submitted'), ('monthly_report', 'submitted', 'approved');
