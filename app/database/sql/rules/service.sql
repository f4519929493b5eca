-- The service's own tables: who may do what.

-- Read by the service at its start and by /readyz; written by migrating, as the owner.
GRANT SELECT ON schema_state TO onestop_app;

GRANT SELECT ON alembic_version TO onestop_app;

GRANT SELECT, INSERT, UPDATE ON health_probe TO onestop_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON election TO onestop_app;

-- Former values go when everything is written anew.
GRANT SELECT, INSERT, DELETE ON key_check TO onestop_app;

-- Written by the functions token_*() and session_*() only.
GRANT SELECT ON token TO onestop_app;
GRANT SELECT, INSERT, UPDATE (revoked_at, revoked_by, replaced_until, last_used_at) ON token TO onestop_settler;

CREATE TRIGGER issue_immutable BEFORE UPDATE OR DELETE ON issue FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER issue_kept BEFORE TRUNCATE ON issue FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER token_issued AFTER INSERT ON token FOR EACH ROW EXECUTE FUNCTION issue_recorded();
ALTER TABLE issue ENABLE ROW LEVEL SECURITY;
CREATE POLICY issue_reach ON issue FOR SELECT TO onestop_app USING (reaches(NULL, NULL, NULL));
CREATE POLICY issue_settles ON issue TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT ON issue TO onestop_app;
GRANT SELECT, INSERT ON issue TO onestop_settler;

GRANT SELECT, INSERT, UPDATE ON business_clock TO onestop_app;
GRANT SELECT ON business_clock TO onestop_settler;

-- Written by entry_write() for a settlement, by the service for everything else. An answer is its subject's.
ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
CREATE POLICY idempotency_own ON idempotency TO onestop_app USING (subject = current_setting('onestop.subject', true));
CREATE POLICY idempotency_settles ON idempotency TO onestop_settler USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON idempotency TO onestop_app;
GRANT SELECT, INSERT, DELETE ON idempotency TO onestop_settler;

-- The audit log: everybody's requests add to it, nobody changes it. Seen by reach, as a hospital's things are.
CREATE TRIGGER audit_event_immutable BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_event_kept BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE audit_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY audit_event_written ON audit_event FOR INSERT TO onestop_app WITH CHECK (true);
CREATE POLICY audit_event_reach ON audit_event FOR SELECT TO onestop_app
  USING (reaches(hospital_code, area_code, (SELECT h.area_code FROM hospital h
                                             WHERE h.code = audit_event.hospital_code)));
GRANT SELECT, INSERT ON audit_event TO onestop_app;

-- Noted by whoever takes one, and never taken back.
CREATE TRIGGER backup_immutable BEFORE UPDATE OR DELETE ON backup FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER backup_kept BEFORE TRUNCATE ON backup FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT ON backup TO onestop_app;
GRANT INSERT ON backup TO onestop_backup;

-- Written by whoever restores, as the owner.
CREATE TRIGGER restoration_immutable BEFORE UPDATE OR DELETE ON restoration FOR EACH ROW
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER restoration_kept BEFORE TRUNCATE ON restoration FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT ON restoration TO onestop_app, onestop_settler;
