-- Whether a statement declares something of a fund that the request doesn't reach. What concerns the whole statement is
-- then not the request's to do.
-- Called by app/clearing/part.py.
CREATE FUNCTION statement_beyond(p_statement_id bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT FROM statement_part p WHERE p.statement_id = p_statement_id AND NOT reaches_fund(p.fund))
$$;

ALTER FUNCTION statement_beyond OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION statement_beyond TO onestop_app;
