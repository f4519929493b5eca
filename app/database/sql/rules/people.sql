-- Who logs in to the pages: who may do what.

GRANT SELECT, INSERT, UPDATE (password_hash, must_change, failures, locked_until, disabled_at) ON app_user TO
  onestop_app;

GRANT SELECT, INSERT, UPDATE (seen_at) ON user_session TO onestop_app;

GRANT SELECT, INSERT, DELETE ON failed_login TO onestop_app;
