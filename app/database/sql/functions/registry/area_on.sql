-- What the records of an area say, of the county, else of its prefecture, else of its province: who pools its funds,
-- its pack, its dictionary, and the figures of its own on a day. Each is null, or empty, where none of them says so.
-- Called by bill_facts(), and by registry, clearing and the national interface where they ask which area or pack
-- rules.
CREATE FUNCTION area_on(p_area text, p_day date) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  -- Most areas have no record; then nothing more is looked at. Figures come with a record only.
  IF NOT EXISTS (SELECT FROM area a WHERE a.superseded_at IS NULL
                    AND a.area_code IN (p_area, left(p_area, 4) || '00', left(p_area, 2) || '0000')) THEN
    RETURN '{}';
  END IF;
  RETURN (
  WITH named(area_code, distance) AS (
    VALUES (p_area, 0), (left(p_area, 4) || '00', 1), (left(p_area, 2) || '0000', 2))
  SELECT json_build_object(
    'pooling_area', (array_agg(a.pooling_area ORDER BY n.distance) FILTER (WHERE a.pooling_area IS NOT NULL))[1],
    'pack', (array_agg(a.pack ORDER BY n.distance) FILTER (WHERE a.pack IS NOT NULL))[1],
    'dictionary', (array_agg(a.dictionary ORDER BY n.distance) FILTER (WHERE a.dictionary IS NOT NULL))[1],
    'figures', (SELECT coalesce(json_agg(json_build_array(
                  f.parameter, f.amount, f.document, f.clause, f.status)), '[]') FROM (
       SELECT DISTINCT ON (g.parameter) g.* FROM area_figure g JOIN named m USING (area_code)
        WHERE g.superseded_at IS NULL AND holds_on(g.valid_from, g.valid_until, p_day)
        ORDER BY g.parameter, m.distance) f))
    FROM named n JOIN area a ON a.area_code = n.area_code AND a.superseded_at IS NULL);
END $$;

GRANT EXECUTE ON FUNCTION area_on TO onestop_app, onestop_settler;
