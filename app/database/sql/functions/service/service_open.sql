-- Opens a transaction of the service itself, in which nobody asks for anything: every row is in reach, and nothing of
-- finance is allowed. p_timeout is the limit of a statement, NULL for the login's own. Opened again, it only changes that.
-- Called by app/jobs/store.py, app/registry/worklists.py, app/ledger/proof.py, app/ledger/seal.py,
-- app/clearing/metrics.py, app/service/audit.py, app/registry/person_reads.py.
CREATE FUNCTION service_open(p_timeout text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF coalesce(current_setting('onestop.reach', true), '') = '' THEN
    PERFORM connection_checked();
  END IF;
  PERFORM set_config('onestop.reach', 'all', true), set_config('onestop.funds', '', true),
          set_config('onestop.finance', 'false', true),
          set_config('statement_timeout', coalesce(p_timeout, current_setting('statement_timeout')), true);
END $$;

GRANT EXECUTE ON FUNCTION service_open TO onestop_app;
