-- Money that left or came back stands in three places that agree when the transaction ends: what an order, prepayment or
-- claim says is paid, what the bank moved, and the ledger. So none is paid without its transfer, nor posted alone.
-- Called by the triggers *_backed on disbursement, prepayment, claim, bank_movement and transfer.
CREATE FUNCTION money_backed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  n CONSTANT jsonb NOT NULL := to_jsonb(NEW);
  v_cause CONSTANT text := CASE TG_TABLE_NAME WHEN 'transfer' THEN n ->> 'cause' ELSE coalesce(
    'dis_' || (n ->> 'disbursement_id'), 'pre_' || (n ->> 'prepayment_id'), 'clm_' || (n ->> 'claim_id')) END;
  v_number CONSTANT bigint := substr(v_cause, 5)::bigint;
  v_paid bigint;
  v_bank bigint;
  v_ledger bigint;
BEGIN
  SELECT x.paid INTO v_paid FROM (
    SELECT o.paid - o.repaid FROM disbursement o WHERE v_cause LIKE 'dis\_%' AND o.disbursement_id = v_number
    UNION ALL SELECT p.paid - p.returned FROM prepayment p WHERE v_cause LIKE 'pre\_%' AND p.prepayment_id = v_number
    UNION ALL SELECT c.paid FROM claim c WHERE v_cause LIKE 'clm\_%' AND c.claim_id = v_number) x(paid);
  SELECT coalesce(sum(CASE b.kind WHEN 'payment' THEN b.amount ELSE -b.amount END), 0) INTO v_bank
    FROM bank_movement b
   WHERE v_cause LIKE 'dis\_%' AND b.disbursement_id = v_number
      OR v_cause LIKE 'pre\_%' AND b.prepayment_id = v_number
      OR v_cause LIKE 'clm\_%' AND b.claim_id = v_number;
  SELECT coalesce(sum(CASE WHEN t.event IN ('payment', 'prepayment') THEN t.amount ELSE -t.amount END), 0)
    INTO v_ledger FROM transfer t
   WHERE t.cause = v_cause
     AND t.event IN ('payment', 'prepayment', 'payment_returned', 'prepayment_returned', 'carry_repaid');
  IF v_paid IS DISTINCT FROM v_bank OR v_bank <> v_ledger THEN
    RAISE EXCEPTION '% says % is paid, the bank moved %, the ledger has %', v_cause, v_paid, v_bank, v_ledger
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;

ALTER FUNCTION money_backed OWNER TO onestop_settler;
