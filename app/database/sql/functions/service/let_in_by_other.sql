-- Whether one of two let the other in, through any chain. That a third let both in doesn't matter.
-- Called by app/service/second_person.py, approved_by_another(),
-- part_derived(), statement_derived().
CREATE FUNCTION let_in_by_other(p_one text, p_other text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  WITH RECURSIVE above (whose, subject) AS (
    SELECT x, x FROM unnest(ARRAY[p_one, p_other]) x
    UNION
    SELECT a.whose, i.issuer FROM above a JOIN issue i ON i.subject = a.subject)
  SELECT p_one <> p_other AND EXISTS (
    SELECT FROM above WHERE (whose, subject) IN ((p_one, p_other), (p_other, p_one)))
$$;

ALTER FUNCTION let_in_by_other OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION let_in_by_other TO onestop_app;
