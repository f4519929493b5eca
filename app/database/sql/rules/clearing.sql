-- Clearing's tables: which changes are moves, what stays as it was, who sees which rows, who may do what. Rows are
-- seen by hospital and area as everywhere; what is of one fund also by the token's funds.

CREATE TRIGGER state_move_immutable BEFORE UPDATE OR DELETE ON state_move FOR EACH ROW EXECUTE FUNCTION refuse_change();
GRANT SELECT ON state_move TO onestop_app;
GRANT SELECT ON state_move TO onestop_settler;

-- Whoever makes a move writes it down, also where they can't read it afterwards.
CREATE TRIGGER clearing_event_immutable BEFORE UPDATE OR DELETE ON clearing_event FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER clearing_event_kept BEFORE TRUNCATE ON clearing_event FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE clearing_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY clearing_event_reach ON clearing_event FOR SELECT TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area) AND (fund IS NULL OR reaches_fund(fund)));
CREATE POLICY clearing_event_written ON clearing_event FOR INSERT TO onestop_app WITH CHECK (true);
CREATE POLICY clearing_event_settles ON clearing_event FOR INSERT TO onestop_settler WITH CHECK (true);
GRANT SELECT, INSERT ON clearing_event TO onestop_app;
GRANT INSERT ON clearing_event TO onestop_settler;

-- statement_fill() works with every fund in sight, whoever declares; so does what derives states.
CREATE TRIGGER statement_kept BEFORE TRUNCATE ON statement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_derived BEFORE UPDATE ON statement FOR EACH ROW EXECUTE FUNCTION statement_derived();
CREATE TRIGGER statement_moves BEFORE UPDATE OR DELETE ON statement FOR EACH ROW
  EXECUTE FUNCTION only_moves('statement', 'reconciled_on', 'audited_on', 'withdrawn_on', 'approved_by', 'approved_on');
CREATE TRIGGER statement_followed AFTER UPDATE OF reconciled_on, audited_on, withdrawn_on ON statement FOR EACH ROW
  EXECUTE FUNCTION statement_followed();
ALTER TABLE statement ENABLE ROW LEVEL SECURITY;
CREATE POLICY statement_reach ON statement TO onestop_app USING (reaches(hospital_code, area_code, hospital_area));
CREATE POLICY statement_derives ON statement TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (reconciled_on, audited_on, withdrawn_on, approved_by,
  approved_on) ON statement TO onestop_app;
GRANT SELECT, UPDATE (state) ON statement TO onestop_settler;

-- Parts come with their statement; what a caller changes of them is the approval.
CREATE TRIGGER statement_part_kept BEFORE TRUNCATE ON statement_part FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_part_derived BEFORE UPDATE ON statement_part FOR EACH ROW EXECUTE FUNCTION part_derived();
CREATE TRIGGER statement_part_moves BEFORE UPDATE OR DELETE ON statement_part FOR EACH ROW
  EXECUTE FUNCTION only_moves('part', 'approved_by', 'approved_on');
CREATE TRIGGER statement_part_followed AFTER UPDATE ON statement_part FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION part_followed();
ALTER TABLE statement_part ENABLE ROW LEVEL SECURITY;
CREATE POLICY statement_part_reach ON statement_part TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area) AND reaches_fund(fund));
CREATE POLICY statement_part_derives ON statement_part TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (approved_by, approved_on) ON statement_part TO onestop_app;
GRANT SELECT, INSERT, UPDATE (state) ON statement_part TO onestop_settler;

CREATE TRIGGER statement_item_kept BEFORE TRUNCATE ON statement_item FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_item_moves BEFORE UPDATE OR DELETE ON statement_item FOR EACH ROW
  EXECUTE FUNCTION only_withdrawn();
ALTER TABLE statement_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY statement_item_reach ON statement_item TO onestop_app
  USING (EXISTS (SELECT FROM statement s WHERE s.statement_id = statement_item.statement_id));
CREATE POLICY statement_item_fills ON statement_item TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON statement_item TO onestop_app;
GRANT SELECT, INSERT, UPDATE (withdrawn) ON statement_item TO onestop_settler;

CREATE TRIGGER statement_total_immutable BEFORE UPDATE OR DELETE ON statement_total FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_total_kept BEFORE TRUNCATE ON statement_total FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE statement_total ENABLE ROW LEVEL SECURITY;
CREATE POLICY statement_total_reach ON statement_total TO onestop_app
  USING (reaches_fund(fund) AND EXISTS (SELECT FROM statement s WHERE s.statement_id = statement_total.statement_id));
CREATE POLICY statement_total_fills ON statement_total TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON statement_total TO onestop_app;
GRANT SELECT, INSERT ON statement_total TO onestop_settler;

CREATE TRIGGER reconciliation_immutable BEFORE UPDATE OR DELETE ON reconciliation FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reconciliation_kept BEFORE TRUNCATE ON reconciliation FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE reconciliation ENABLE ROW LEVEL SECURITY;
CREATE POLICY reconciliation_reach ON reconciliation TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area));
GRANT SELECT, INSERT ON reconciliation TO onestop_app;

CREATE TRIGGER difference_kept BEFORE TRUNCATE ON difference FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER difference_moves BEFORE UPDATE OR DELETE ON difference FOR EACH ROW
  EXECUTE FUNCTION only_moves('difference', 'resolution', 'resolved_by', 'resolved_on');
ALTER TABLE difference ENABLE ROW LEVEL SECURITY;
CREATE POLICY difference_reach ON difference TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area) AND reaches_fund(fund));
CREATE POLICY difference_derives ON difference FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (state, resolution, resolved_by, resolved_on) ON difference TO onestop_app;
GRANT SELECT ON difference TO onestop_settler;

-- A correction answers for the deductions of what it corrects, whoever makes it. Those of persons' claims are not the
-- hospital's to see.
CREATE TRIGGER deduction_kept BEFORE TRUNCATE ON deduction FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER deduction_guarded BEFORE INSERT OR UPDATE ON deduction FOR EACH ROW
  EXECUTE FUNCTION deduction_guarded();
CREATE TRIGGER deduction_moves BEFORE UPDATE OR DELETE ON deduction FOR EACH ROW
  EXECUTE FUNCTION only_moves('deduction', 'upheld', 'given_back', 'appeal_reason', 'appealed_by', 'appealed_on',
    'decide_by', 'outcome', 'decision_reason', 'decided_by', 'decided_on');
ALTER TABLE deduction ENABLE ROW LEVEL SECURITY;
CREATE TRIGGER deduction_followed AFTER UPDATE OF upheld, given_back ON deduction FOR EACH ROW
  WHEN (NEW.claim_id IS NOT NULL) EXECUTE FUNCTION deduction_followed();
CREATE POLICY deduction_reach ON deduction TO onestop_app
  USING (reaches(CASE WHEN claim_id IS NULL THEN hospital_code END, area_code,
                 CASE WHEN claim_id IS NULL THEN hospital_area END) AND reaches_fund(fund));
CREATE POLICY deduction_settles ON deduction TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (state, upheld, appeal_reason, appealed_by, appealed_on, decide_by, outcome,
  decision_reason,
  decided_by, decided_on) ON deduction TO onestop_app;
GRANT SELECT, UPDATE (state, upheld, given_back) ON deduction TO onestop_settler;

CREATE TRIGGER deposit_release_kept BEFORE TRUNCATE ON deposit_release FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER deposit_release_moves BEFORE UPDATE OR DELETE ON deposit_release FOR EACH ROW
  EXECUTE FUNCTION only_moves('deposit_release', 'approved_by', 'approved_on', 'cancelled_on');
ALTER TABLE deposit_release ENABLE ROW LEVEL SECURITY;
CREATE POLICY deposit_release_reach ON deposit_release TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area) AND reaches_fund(fund));
GRANT SELECT, INSERT, UPDATE (state, approved_by, approved_on, cancelled_on) ON deposit_release TO onestop_app;

CREATE TRIGGER disbursement_kept BEFORE TRUNCATE ON disbursement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER disbursement_guarded BEFORE INSERT OR UPDATE ON disbursement FOR EACH ROW
  EXECUTE FUNCTION order_guarded();
CREATE TRIGGER disbursement_pinned BEFORE UPDATE OF state ON disbursement FOR EACH ROW
  EXECUTE FUNCTION paid_to_pinned();
CREATE TRIGGER disbursement_moves BEFORE UPDATE OR DELETE ON disbursement FOR EACH ROW
  EXECUTE FUNCTION only_moves('disbursement', 'paid', 'repaid', 'taken_by', 'released_by', 'approved_by', 'approved_on',
    'account_change_id', 'cancelled_on', 'sent_by', 'sent_on', 'paid_on', 'document_number', 'numbered_by', 'numbered_on');
-- The office's own number stays as it was once the bank has the order.
CREATE TRIGGER disbursement_numbered BEFORE UPDATE OF document_number, numbered_by, numbered_on ON disbursement FOR EACH ROW
  WHEN (OLD.state NOT IN ('draft', 'approved')
        AND (OLD.document_number, OLD.numbered_by, OLD.numbered_on) IS DISTINCT FROM
            (NEW.document_number, NEW.numbered_by, NEW.numbered_on))
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER disbursement_followed AFTER INSERT OR UPDATE OF state ON disbursement FOR EACH ROW
  EXECUTE FUNCTION order_followed();
CREATE CONSTRAINT TRIGGER disbursement_backed AFTER INSERT OR UPDATE OF paid, repaid, state ON disbursement DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION money_backed();
ALTER TABLE disbursement ENABLE ROW LEVEL SECURITY;
CREATE POLICY disbursement_reach ON disbursement TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area) AND reaches_fund(fund));
CREATE POLICY disbursement_derives ON disbursement FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (paid, repaid, state, taken_by, released_by, approved_by, approved_on, account_change_id, cancelled_on,
  sent_by, sent_on, paid_on, document_number, numbered_by, numbered_on) ON disbursement TO onestop_app;
GRANT SELECT ON disbursement TO onestop_settler;

CREATE TRIGGER prepayment_kept BEFORE TRUNCATE ON prepayment FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER prepayment_derived BEFORE UPDATE ON prepayment FOR EACH ROW EXECUTE FUNCTION prepayment_derived();
CREATE TRIGGER prepayment_pinned BEFORE UPDATE OF state ON prepayment FOR EACH ROW
  EXECUTE FUNCTION paid_to_pinned();
CREATE TRIGGER prepayment_moves BEFORE UPDATE OR DELETE ON prepayment FOR EACH ROW
  EXECUTE FUNCTION only_moves('prepayment', 'paid', 'offset_amount', 'returned', 'approved_by', 'approved_on',
    'account_change_id', 'cancelled_on', 'sent_by', 'sent_on');
CREATE CONSTRAINT TRIGGER prepayment_backed AFTER INSERT OR UPDATE OF paid, returned, state ON prepayment DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION money_backed();
ALTER TABLE prepayment ENABLE ROW LEVEL SECURITY;
CREATE POLICY prepayment_reach ON prepayment TO onestop_app
  USING (reaches(hospital_code, area_code, hospital_area) AND reaches_fund(fund));
CREATE POLICY prepayment_derives ON prepayment TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (paid, returned, state, approved_by, approved_on, account_change_id, cancelled_on, sent_by, sent_on) ON
  prepayment TO onestop_app;
GRANT SELECT, UPDATE (state, offset_amount) ON prepayment TO onestop_settler;

-- What is written here is taken of the prepayment at once.
CREATE TRIGGER prepayment_offset_immutable BEFORE UPDATE OR DELETE ON prepayment_offset FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER prepayment_offset_kept BEFORE TRUNCATE ON prepayment_offset FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER prepayment_offset_taken AFTER INSERT ON prepayment_offset FOR EACH ROW
  EXECUTE FUNCTION prepayment_taken();
ALTER TABLE prepayment_offset ENABLE ROW LEVEL SECURITY;
CREATE POLICY prepayment_offset_reach ON prepayment_offset TO onestop_app
  USING (EXISTS (SELECT FROM prepayment p WHERE p.prepayment_id = prepayment_offset.prepayment_id));
CREATE POLICY prepayment_offset_derives ON prepayment_offset FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT ON prepayment_offset TO onestop_app;
GRANT SELECT ON prepayment_offset TO onestop_settler;

CREATE TRIGGER bank_movement_immutable BEFORE UPDATE OR DELETE ON bank_movement FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_movement_kept BEFORE TRUNCATE ON bank_movement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_movement_guarded BEFORE INSERT ON bank_movement FOR EACH ROW EXECUTE FUNCTION movement_guarded();
CREATE CONSTRAINT TRIGGER bank_movement_backed AFTER INSERT ON bank_movement DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION money_backed();
ALTER TABLE bank_movement ENABLE ROW LEVEL SECURITY;
CREATE POLICY bank_movement_reach ON bank_movement TO onestop_app
  USING (EXISTS (SELECT FROM disbursement o WHERE o.disbursement_id = bank_movement.disbursement_id)
         OR EXISTS (SELECT FROM prepayment p WHERE p.prepayment_id = bank_movement.prepayment_id)
         OR EXISTS (SELECT FROM claim k WHERE k.claim_id = bank_movement.claim_id));
CREATE POLICY bank_movement_guards ON bank_movement FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT ON bank_movement TO onestop_app;
GRANT SELECT ON bank_movement TO onestop_settler;

-- Who pays an order reads the account that it was approved for, though the hospital lies elsewhere.
CREATE POLICY hospital_account_pays ON hospital_account FOR SELECT TO onestop_app
  USING (EXISTS (SELECT FROM disbursement o WHERE o.account_change_id = hospital_account.change_id));
-- A batch belongs to who acts for its area and for every fund that it pays; hospitals and others don't see it.
CREATE TRIGGER payment_batch_kept BEFORE TRUNCATE ON payment_batch FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_batch_moves BEFORE UPDATE OR DELETE ON payment_batch FOR EACH ROW
  EXECUTE FUNCTION only_moves('payment_batch', 'control_sum', 'digest', 'files', 'approved_by', 'approved_on', 'sent_by',
    'sent_on', 'cancelled_on', 'answered_on', 'document_number', 'numbered_by', 'numbered_on');
CREATE TRIGGER payment_batch_numbered BEFORE UPDATE OF document_number, numbered_by, numbered_on ON payment_batch FOR EACH ROW
  WHEN (OLD.state NOT IN ('draft', 'approved')
        AND (OLD.document_number, OLD.numbered_by, OLD.numbered_on) IS DISTINCT FROM
            (NEW.document_number, NEW.numbered_by, NEW.numbered_on))
  EXECUTE FUNCTION refuse_change();
ALTER TABLE payment_batch ENABLE ROW LEVEL SECURITY;
CREATE POLICY payment_batch_reach ON payment_batch TO onestop_app
  USING (reaches(NULL, area_code, NULL) AND NOT EXISTS (SELECT FROM unnest(funds) f WHERE NOT reaches_fund(f)));
GRANT SELECT, INSERT, UPDATE (state, control_sum, digest, files, approved_by, approved_on, sent_by, sent_on, cancelled_on,
  answered_on, document_number, numbered_by, numbered_on) ON payment_batch TO onestop_app;

CREATE TRIGGER payment_batch_item_kept BEFORE TRUNCATE ON payment_batch_item FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_batch_item_guarded BEFORE UPDATE OR DELETE ON payment_batch_item FOR EACH ROW
  EXECUTE FUNCTION batch_item_guarded();
-- Whoever reaches an order or a claim has to be told that a batch holds it.
ALTER TABLE payment_batch_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY payment_batch_item_reach ON payment_batch_item TO onestop_app
  USING (EXISTS (SELECT FROM disbursement o WHERE o.disbursement_id = payment_batch_item.disbursement_id)
         OR EXISTS (SELECT FROM claim k WHERE k.claim_id = payment_batch_item.claim_id));
GRANT SELECT, INSERT, UPDATE (amount, live, result, reason, asked_by, ended_by) ON payment_batch_item TO onestop_app;

-- What the bank's answers hold is theirs who may see money of the area that received them, of all its funds.
CREATE TRIGGER bank_receipt_immutable BEFORE UPDATE OR DELETE ON bank_receipt FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_receipt_kept BEFORE TRUNCATE ON bank_receipt FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE bank_receipt ENABLE ROW LEVEL SECURITY;
CREATE POLICY bank_receipt_reach ON bank_receipt TO onestop_app
  USING (reaches(NULL, area_code, NULL)
         AND (coalesce(current_setting('onestop.funds', true), '') = ''
              OR subject = current_setting('onestop.subject', true)));
GRANT SELECT, INSERT ON bank_receipt TO onestop_app;
CREATE TRIGGER bank_receipt_row_immutable BEFORE DELETE ON bank_receipt_row FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- It is closed once, and stays as it was beside that.
CREATE TRIGGER bank_receipt_row_closed BEFORE UPDATE ON bank_receipt_row FOR EACH ROW
  WHEN (OLD.closed_by IS NOT NULL
        OR to_jsonb(OLD) - ARRAY['closed_by', 'closed_on', 'closing_reason'] IS DISTINCT FROM
           to_jsonb(NEW) - ARRAY['closed_by', 'closed_on', 'closing_reason'])
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_receipt_row_kept BEFORE TRUNCATE ON bank_receipt_row FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE bank_receipt_row ENABLE ROW LEVEL SECURITY;
CREATE POLICY bank_receipt_row_reach ON bank_receipt_row TO onestop_app
  USING (receipt_id IN (SELECT b.receipt_id FROM bank_receipt b)
         OR EXISTS (SELECT FROM disbursement o WHERE o.disbursement_id = bank_receipt_row.disbursement_id)
         OR EXISTS (SELECT FROM claim k WHERE k.claim_id = bank_receipt_row.claim_id));
GRANT SELECT, INSERT, UPDATE (closed_by, closed_on, closing_reason) ON bank_receipt_row TO onestop_app;

CREATE TRIGGER payout_exception_kept BEFORE TRUNCATE ON payout_exception FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payout_exception_moves BEFORE UPDATE OR DELETE ON payout_exception FOR EACH ROW
  EXECUTE FUNCTION only_moves('exception', 'approved_by', 'approved_on');
ALTER TABLE payout_exception ENABLE ROW LEVEL SECURITY;
CREATE POLICY payout_exception_reach ON payout_exception TO onestop_app
  USING (reaches(NULL, area_code, NULL) AND reaches_fund(fund));
GRANT SELECT, INSERT, UPDATE (state, approved_by, approved_on) ON payout_exception TO onestop_app;

-- month_state() answers for everybody; the figures are the area's.
CREATE TRIGGER fiscal_month_kept BEFORE TRUNCATE ON fiscal_month FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fiscal_month_moves BEFORE UPDATE OR DELETE ON fiscal_month FOR EACH ROW
  EXECUTE FUNCTION only_moves('fiscal_month', 'figures', 'closed_by', 'closed_on', 'reopened_by', 'reopened_on',
    'subject', 'request_id');
ALTER TABLE fiscal_month ENABLE ROW LEVEL SECURITY;
CREATE POLICY fiscal_month_reach ON fiscal_month TO onestop_app USING (reaches(NULL, area_code, NULL));
CREATE POLICY fiscal_month_settles ON fiscal_month FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT, UPDATE (state, figures, closed_by, closed_on, reopened_by, reopened_on, subject, request_id) ON
  fiscal_month TO onestop_app;
GRANT SELECT ON fiscal_month TO onestop_settler;

-- fiscal_year_of() answers for everybody; the figures are the area's.
CREATE TRIGGER fiscal_year_closing_immutable BEFORE UPDATE OR DELETE ON fiscal_year_closing FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fiscal_year_closing_kept BEFORE TRUNCATE ON fiscal_year_closing FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
ALTER TABLE fiscal_year_closing ENABLE ROW LEVEL SECURITY;
CREATE POLICY fiscal_year_closing_reach ON fiscal_year_closing TO onestop_app USING (reaches(NULL, area_code, NULL));
CREATE POLICY fiscal_year_closing_settles ON fiscal_year_closing FOR SELECT TO onestop_settler USING (true);
GRANT SELECT, INSERT ON fiscal_year_closing TO onestop_app;
GRANT SELECT ON fiscal_year_closing TO onestop_settler;

CREATE TRIGGER monthly_report_kept BEFORE TRUNCATE ON monthly_report FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER monthly_report_moves BEFORE UPDATE OR DELETE ON monthly_report FOR EACH ROW
  EXECUTE FUNCTION only_moves('monthly_report', 'submitted_on', 'approved_by', 'approved_on');
ALTER TABLE monthly_report ENABLE ROW LEVEL SECURITY;
CREATE POLICY monthly_report_reach ON monthly_report TO onestop_app USING (reaches(NULL, area_code, NULL));
GRANT SELECT, INSERT, UPDATE (state, submitted_on, approved_by, approved_on) ON monthly_report TO onestop_app;

CREATE TRIGGER family_doctor_fee_immutable BEFORE UPDATE OR DELETE ON family_doctor_fee FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER family_doctor_fee_kept BEFORE TRUNCATE ON family_doctor_fee FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();
-- As the contract is seen, not its transfer: who declares for one fund must see what was paid of another.
ALTER TABLE family_doctor_fee ENABLE ROW LEVEL SECURITY;
CREATE POLICY family_doctor_fee_reach ON family_doctor_fee TO onestop_app
  USING (EXISTS (SELECT FROM family_doctor_contract c WHERE c.contract_id = family_doctor_fee.contract_id));
GRANT SELECT, INSERT ON family_doctor_fee TO onestop_app;

-- Claims are opened and corrected by entry_write() alone; what a caller changes of them are the moves.
CREATE TRIGGER claim_kept BEFORE TRUNCATE ON claim FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER claim_derived BEFORE UPDATE ON claim FOR EACH ROW EXECUTE FUNCTION claim_derived();
CREATE TRIGGER claim_moves BEFORE UPDATE OR DELETE ON claim FOR EACH ROW
  EXECUTE FUNCTION only_moves('claim', 'gross', 'deducted', 'amount', 'paid', 'approved_amount', 'at_bank', 'at_bank_since',
    'account', 'approved_by', 'approved_on', 'cancelled_on', 'sent_by', 'sent_on', 'paid_on');
CREATE CONSTRAINT TRIGGER claim_backed AFTER INSERT OR UPDATE OF paid, state ON claim DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION money_backed();
ALTER TABLE claim ENABLE ROW LEVEL SECURITY;
CREATE POLICY claim_reach ON claim TO onestop_app USING (reaches(NULL, area_code, NULL) AND reaches_fund(fund));
CREATE POLICY claim_settles ON claim TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (paid, account, state, approved_by, approved_on, cancelled_on, sent_by, sent_on, paid_on)
  ON claim TO onestop_app;
GRANT SELECT, INSERT, UPDATE ON claim TO onestop_settler;

CREATE TRIGGER person_account_kept BEFORE TRUNCATE ON person_account FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER person_account_moves BEFORE UPDATE OR DELETE ON person_account FOR EACH ROW
  EXECUTE FUNCTION only_moves('person_account', 'account', 'approved_by', 'approved_on');
ALTER TABLE person_account ENABLE ROW LEVEL SECURITY;
-- Who reaches a claim of the person reaches the account that it is paid to, though the person lives elsewhere by now.
-- Hospitals see every person, but no account.
CREATE POLICY person_account_reach ON person_account TO onestop_app
  USING (current_setting('onestop.reach', true) <> 'hospital' AND (
    EXISTS (SELECT FROM person p WHERE p.person_id = person_account.person_id)
    OR EXISTS (SELECT FROM claim k WHERE k.person_id = person_account.person_id)));
-- The account is changed by a new secret only.
GRANT SELECT, INSERT, UPDATE (account, state, approved_by, approved_on) ON person_account TO onestop_app;

-- Two people, and neither let the other in.
CREATE TRIGGER deposit_release_by_two BEFORE INSERT OR UPDATE OF approved_by ON deposit_release FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();
CREATE TRIGGER disbursement_by_two BEFORE INSERT OR UPDATE OF approved_by ON disbursement FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();
CREATE TRIGGER prepayment_by_two BEFORE INSERT OR UPDATE OF approved_by ON prepayment FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();
CREATE TRIGGER claim_by_two BEFORE INSERT OR UPDATE OF approved_by ON claim FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();
CREATE TRIGGER person_account_by_two BEFORE INSERT OR UPDATE OF approved_by ON person_account FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();
CREATE TRIGGER payment_batch_by_two BEFORE INSERT OR UPDATE OF approved_by ON payment_batch FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();
CREATE TRIGGER payout_exception_by_two BEFORE INSERT OR UPDATE OF approved_by ON payout_exception FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();
CREATE TRIGGER monthly_report_by_two BEFORE INSERT OR UPDATE OF approved_by ON monthly_report FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();
CREATE TRIGGER deduction_by_two BEFORE INSERT OR UPDATE OF decided_by ON deduction FOR EACH ROW
  EXECUTE FUNCTION approved_by_another('decided_by', 'subject', 'appealed_by');
CREATE TRIGGER fiscal_month_by_two BEFORE UPDATE OF reopened_by ON fiscal_month FOR EACH ROW
  WHEN (NEW.state = 'open') EXECUTE FUNCTION approved_by_another('reopened_by', 'closed_by');
CREATE TRIGGER bank_check_by_two BEFORE INSERT OR UPDATE OF approved_by ON bank_check FOR EACH ROW
  EXECUTE FUNCTION approved_by_another();

-- Whether sending is held back concerns every office; rows stay, and only their approval is added.
CREATE TRIGGER bank_check_kept BEFORE TRUNCATE ON bank_check FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_check_moves BEFORE UPDATE OR DELETE ON bank_check FOR EACH ROW
  EXECUTE FUNCTION only_moves('bank_check', 'approved_by', 'approved_on');
GRANT SELECT, INSERT, UPDATE (state, approved_by, approved_on) ON bank_check TO onestop_app;
GRANT SELECT ON bank_check TO onestop_settler;
CREATE TRIGGER disbursement_bank_checked BEFORE UPDATE OF state ON disbursement FOR EACH ROW
  WHEN (NEW.state = 'sent' AND OLD.state <> 'sent') EXECUTE FUNCTION bank_checked();
CREATE TRIGGER prepayment_bank_checked BEFORE UPDATE OF state ON prepayment FOR EACH ROW
  WHEN (NEW.state = 'sent' AND OLD.state <> 'sent') EXECUTE FUNCTION bank_checked();
CREATE TRIGGER claim_bank_checked BEFORE UPDATE OF state ON claim FOR EACH ROW
  WHEN (NEW.state = 'sent' AND OLD.state <> 'sent') EXECUTE FUNCTION bank_checked();
