-- The number that this database cluster was made with: a transaction's number means something in it alone.
-- Called by last_roll(), postings_roll().
CREATE FUNCTION cluster_id() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT system_identifier FROM pg_control_system()
$$;

GRANT EXECUTE ON FUNCTION cluster_id TO onestop_app, onestop_settler;
