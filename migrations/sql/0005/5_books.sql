-- Rows come in the order of time, so these stay tiny: the latest rows are found without a burden on settling.
CREATE INDEX settlement_recorded ON settlement USING brin (recorded_at) WITH (autosummarize = on);
CREATE INDEX transfer_recorded ON transfer USING brin (recorded_at) WITH (autosummarize = on);
CREATE INDEX clearing_event_recorded ON clearing_event USING brin (recorded_at) WITH (autosummarize = on);
CREATE INDEX transfer_dated ON transfer USING brin (business_date) WITH (autosummarize = on);

-- Whether a month of an area is open, soft or hard. Answers also whom row-level security doesn't show the figures. The lock,
-- shared by whoever dates something into the month and held alone by whoever closes, keeps the two apart.
CREATE FUNCTION month_state(p_area text, p_period text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(p_area, 6));
  RETURN coalesce((SELECT m.state FROM fiscal_month m WHERE m.area_code = p_area AND m.period = p_period), 'open');
END $$;
CREATE POLICY fiscal_month_settles ON fiscal_month FOR SELECT TO onestop_settler USING (true);
GRANT SELECT ON fiscal_month TO onestop_settler;

GRANT CREATE ON SCHEMA public TO onestop_settler;
ALTER FUNCTION month_state OWNER TO onestop_settler;
REVOKE CREATE ON SCHEMA public FROM onestop_settler;
REVOKE EXECUTE ON FUNCTION month_state FROM PUBLIC;
GRANT EXECUTE ON FUNCTION month_state TO onestop_app;
