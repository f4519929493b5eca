-- The service's own tables: who may do what.

-- Read by the service at its start and by /readyz; written by migrating, as the owner.
GRANT SELECT ON schema_state TO onestop_app;

GRANT SELECT ON alembic_version TO onestop_app;

GRANT SELECT, INSERT, UPDATE ON health_probe TO onestop_app;

-- A token's row changes once: when it is revoked.
GRANT SELECT, INSERT, UPDATE (revoked_at, revoked_by) ON token TO onestop_app;
GRANT SELECT ON token TO onestop_settler;

GRANT SELECT, INSERT, UPDATE ON business_clock TO onestop_app;
GRANT SELECT ON business_clock TO onestop_settler;

-- Written by entry_write() for a settlement, by the service for everything else.
GRANT SELECT, INSERT ON idempotency TO onestop_app;
GRANT SELECT, INSERT ON idempotency TO onestop_settler;
