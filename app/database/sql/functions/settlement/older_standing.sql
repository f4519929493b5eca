-- What of a split settlement belongs to the benefit year before its own, as it stands with its adjustments.
-- Called by correction_facts().
CREATE FUNCTION older_standing(p_settlement_id bigint) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT json_build_object(
           'scope', json_build_object('own_expense', sum(o.own_expense)::bigint, 'over_limit', sum(o.over_limit)::bigint,
                                      'first_pay', sum(o.first_pay)::bigint, 'in_scope', sum(o.in_scope)::bigint),
           'portions', json_build_object(
             'basic', sum(o.basic)::bigint, 'serious_illness', sum(o.serious_illness)::bigint,
             'supplement', sum(o.supplement)::bigint, 'medical_assistance', sum(o.medical_assistance)::bigint,
             'safety_net', sum(o.safety_net)::bigint, 'hospital', sum(o.hospital)::bigint,
             'patient', sum(o.patient)::bigint),
           'payable_adjustment', sum(o.payable_adjustment)::bigint, 'deductible', sum(o.deductible)::bigint,
           'delta', (SELECT coalesce(json_object_agg(k.key, k.total) FILTER (WHERE k.total <> 0), '{}') FROM (
             SELECT j.key, sum(j.value::bigint)::bigint AS total
               FROM settlement e JOIN settlement_older x USING (settlement_id), jsonb_each_text(x.delta) j
              WHERE e.settlement_id = p_settlement_id OR e.of_settlement_id = p_settlement_id GROUP BY j.key) k))
    FROM settlement e JOIN settlement_older o USING (settlement_id)
   WHERE e.settlement_id = p_settlement_id OR e.of_settlement_id = p_settlement_id
$$;

GRANT EXECUTE ON FUNCTION older_standing TO onestop_settler;
