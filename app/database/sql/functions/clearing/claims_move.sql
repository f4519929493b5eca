-- Books what the funds owe a person, or take back, into their claims: each transfer of `payable/claim` gets the account
-- of its claim. What is owed opens the claim of settlement, fund and fiscal year as a draft of whoever settles; what is
-- taken back lowers the settlement's claims, the fullest first; of a split settlement that of the part's year first. A
-- recovery asks the liable party for what it takes back: the claims stay as they are, each with both postings.
-- Called by entry_write() for bills that the person paid.
CREATE FUNCTION claims_move(e new_entry, transfers new_transfer[], p_fiscal smallint, p_split boolean)
RETURNS new_transfer[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  moved new_transfer[] := '{}';
  t new_transfer;
  c claim;
  r new_transfer;
  v_root bigint := coalesce(e.of_settlement_id, e.settlement_id);
  v_left bigint;
  v_part bigint;
BEGIN
  FOREACH t IN ARRAY transfers LOOP
    IF t.event = 'recovery' THEN
      CONTINUE;  -- posted beside what it takes the place of
    ELSIF t.credit LIKE '%/payable/claim' THEN
      INSERT INTO claim AS k (settlement_id, person_id, hospital_code, hospital_area, area_code, fund, fiscal_year, gross,
                              created_on, subject, request_id)
      VALUES (v_root, e.person_id, e.hospital_code, e.hospital_area, e.paying_area, t.fund, p_fiscal, t.amount,
              (e.settled_at AT TIME ZONE 'Asia/Shanghai')::date, current_setting('onestop.subject'),
              current_setting('onestop.request_id'))
      ON CONFLICT ON CONSTRAINT claim_once DO UPDATE SET gross = k.gross + excluded.gross
      RETURNING k.* INTO c;
      t.credit := t.credit || ':clm_' || c.claim_id;
      moved := moved || t;
    ELSIF t.debit LIKE '%/payable/claim' THEN
      v_left := t.amount;
      r := NULL;
      SELECT * INTO r FROM unnest(transfers) x WHERE x.event = 'recovery' AND (x.fund, x.tier) = (t.fund, t.tier);
      FOR c IN SELECT * FROM claim k WHERE k.settlement_id = v_root AND k.fund = t.fund
                ORDER BY p_split AND k.fiscal_year = p_fiscal DESC, k.gross DESC, k.claim_id
                  FOR UPDATE LOOP
        EXIT WHEN v_left = 0;
        v_part := least(v_left, c.gross);
        CONTINUE WHEN v_part = 0;
        IF r.event IS NULL THEN
          UPDATE claim SET gross = gross - v_part, deducted = least(deducted, gross - v_part)
           WHERE claim_id = c.claim_id;
        ELSE
          moved := moved || (r.debit, r.credit || ':clm_' || c.claim_id, v_part, r.fund, r.tier, r.event,
                             r.clr_type)::new_transfer;
        END IF;
        v_left := v_left - v_part;
        moved := moved || (t.debit || ':clm_' || c.claim_id, t.credit, v_part, t.fund, t.tier, t.event,
                           t.clr_type)::new_transfer;
      END LOOP;
      IF v_left > 0 THEN
        RAISE EXCEPTION 'more is taken back than a claim has' USING ERRCODE = 'check_violation';
      END IF;
    ELSE
      moved := moved || t;
    END IF;
  END LOOP;
  RETURN moved;
END $$;

ALTER FUNCTION claims_move OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION claims_move TO onestop_settler;
