-- What a visit's bill is made of, as one JSON document: the visit, its settlements, its lines without their details, the
-- transfer filing of its first day and whether the visit that this comes from was ever settled, the hospital's rank of
-- that day, the person of today, and whether the hospital identified them since p_since. With p_lock under the person's
-- lock, which settling takes too. An empty document without such a visit. Encrypted texts are in base64.
-- Called by app/nhsa/visit_store.py.
CREATE FUNCTION nhsa_visit_read(
  p_hospital text, p_visit_no bigint, p_person_id text, p_lock boolean, p_today date, p_since timestamptz
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v nhsa_visit;
  f nhsa_filing;
  v_day date;
BEGIN
  IF p_lock THEN
    PERFORM person_lock(p_person_id);
  END IF;
  SELECT * INTO v FROM nhsa_visit WHERE visit_no = p_visit_no AND hospital_code = p_hospital;
  IF NOT FOUND THEN
    RETURN '{}';
  END IF;
  v_day := (v.begins_at AT TIME ZONE 'Asia/Shanghai')::date;
  SELECT * INTO f FROM nhsa_filing
   WHERE kind = 'transfer' AND person_id = v.person_id AND destination_hospital = p_hospital AND withdrawn_at IS NULL
     AND holds_on(valid_from, valid_until, v_day)
   ORDER BY filing_no DESC LIMIT 1;
  RETURN json_build_object(
    'visit', json_build_object(
      'visit_no', v.visit_no, 'hospital_code', v.hospital_code, 'visit_id', v.visit_id, 'person_id', v.person_id,
      'setting', v.setting, 'med_type', v.med_type, 'insutype', v.insutype, 'matn_type', v.matn_type,
      'disease_code', v.disease_code, 'begins_at', v.begins_at, 'ends_at', v.ends_at, 'state', v.state,
      'details', translate(encode(v.details, 'base64'), E'\n', '')),
    'settled', (SELECT coalesce(json_agg(row_to_json(s) ORDER BY s.settle_seq), '[]')
                  FROM nhsa_settlements_of(p_hospital, v.visit_id) s),
    'lines', (SELECT coalesce(json_agg(json_build_object(
                'line_no', l.line_no, 'serial_no', l.serial_no, 'batch_no', l.batch_no,
                'refund_of_line_no', l.refund_of_line_no, 'item_code', l.item_code,
                'hospital_item_code', l.hospital_item_code, 'quantity', l.quantity, 'unit_price', l.unit_price,
                'amount', l.amount, 'charged_at', l.charged_at, 'approval', l.approval,
                'settlement_id', l.settlement_id, 'free', l.free) ORDER BY l.line_no), '[]')
                FROM nhsa_lines_of(v.visit_no) l),
    'transfer', CASE WHEN f.filing_no IS NOT NULL THEN
                  json_build_object('hospital_code', f.hospital_code, 'source_visit_id', f.source_visit_id) END,
    'source_settled', coalesce(visit_settled(f.hospital_code, f.source_visit_id), false),
    'rank', (SELECT h.rank FROM hospital_on(p_hospital, v_day) h),
    'person', (SELECT json_build_object(
                 'person_id', p.person_id, 'name', translate(encode(p.name, 'base64'), E'\n', ''),
                 'id_number', translate(encode(p.id_number, 'base64'), E'\n', ''),
                 'insurance_type', p.insurance_type, 'insured_from', p.insured_from, 'insured_until', p.insured_until,
                 'area_code', p.area_code, 'insured', p.insured) FROM person_on(v.person_id, p_today) p),
    'identified', EXISTS (SELECT FROM nhsa_identification i
                           WHERE i.hospital_code = p_hospital AND i.person_id = v.person_id
                             AND i.identified_at >= p_since))::text;
END $$;

GRANT EXECUTE ON FUNCTION nhsa_visit_read TO onestop_app;
