-- Writes what of an entry belongs to the benefit year before its own, and that year as it stands then. Refuses a part that
-- isn't of the year before, is of no split settlement, or whose transfers differ from what the funds owe.
-- Called by entry_write(), before the entry's own year.
CREATE FUNCTION older_write(e new_entry, o new_older, transfers new_transfer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  owed bigint[];
BEGIN
  IF o.benefit_year <> e.benefit_year - 1 OR e.of_settlement_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM settlement_older x WHERE x.settlement_id = e.of_settlement_id) THEN
    RAISE EXCEPTION 'not the older part of a split settlement' USING ERRCODE = 'check_violation';
  END IF;
  SELECT array_agg((SELECT coalesce(sum(CASE WHEN t.debit LIKE '%/expense' THEN t.amount
                                             WHEN t.credit LIKE '%/expense' THEN -t.amount ELSE 0 END), 0)
                      FROM unnest(transfers) t WHERE t.tier = x.tier) ORDER BY x.place)
    INTO owed
    FROM unnest(ARRAY['basic', 'serious_illness', 'supplement', 'medical_assistance', 'safety_net'])
         WITH ORDINALITY x(tier, place);
  IF owed <> ARRAY[o.basic + o.payable_adjustment, o.serious_illness, o.supplement, o.medical_assistance,
                   o.safety_net] THEN
    RAISE EXCEPTION 'transfers do not equal what the funds owe' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO settlement_older VALUES (
    e.settlement_id, e.person_id, o.benefit_year, o.entry_no, o.total, o.own_expense, o.over_limit, o.first_pay,
    o.in_scope, o.basic, o.serious_illness, o.supplement, o.medical_assistance, o.safety_net, o.hospital, o.patient,
    o.payable_adjustment, o.deductible, o.delta);
  IF o.entry_no = 1 THEN
    INSERT INTO person_year VALUES (e.person_id, o.benefit_year, 1, o.after);
  ELSE
    UPDATE person_year SET entries = o.entry_no, accumulators = o.after
     WHERE person_id = e.person_id AND benefit_year = o.benefit_year AND entries = o.entry_no - 1;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'person-year moved on' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;
END $$;

GRANT EXECUTE ON FUNCTION older_write TO onestop_settler;
