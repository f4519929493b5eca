-- Who logs in to the pages: who may do what.

-- Added by user_add() with their rights, which nobody changes; the service keeps passwords and failures.
GRANT SELECT, UPDATE (password_hash, must_change, failures, locked_until, disabled_at) ON app_user TO
  onestop_app;

GRANT SELECT, INSERT ON app_user TO onestop_settler;

-- Begun by session_begin() only.
GRANT SELECT, UPDATE (seen_at) ON user_session TO onestop_app;
GRANT SELECT, INSERT ON user_session TO onestop_settler;

GRANT SELECT, INSERT, DELETE ON failed_login TO onestop_app;
