-- Who logs in to the pages: who may do what.

-- Added by user_add() with their rights, which nobody changes; the service keeps passwords.
GRANT SELECT, UPDATE (password_hash, must_change, disabled_at) ON app_user TO onestop_app;

GRANT SELECT, INSERT ON app_user TO onestop_settler;

-- Begun by session_begin() only.
GRANT SELECT, UPDATE (seen_at, proven_at) ON user_session TO onestop_app;
GRANT SELECT, INSERT ON user_session TO onestop_settler;

-- Deleted by second_factor_reset() only.
GRANT SELECT, INSERT, UPDATE (secret, confirmed_at, last_step, recovery) ON second_factor TO onestop_app;
GRANT SELECT, UPDATE (reset_by), DELETE ON second_factor TO onestop_settler;

-- Everybody's own.
ALTER TABLE saved_view ENABLE ROW LEVEL SECURITY;
CREATE POLICY saved_view_own ON saved_view TO onestop_app USING (name = current_setting('onestop.subject', true));
GRANT SELECT, INSERT, UPDATE (query, recorded_at), DELETE ON saved_view TO onestop_app;

GRANT SELECT, INSERT, DELETE ON failed_login TO onestop_app;

CREATE TRIGGER app_user_issued AFTER INSERT OR UPDATE OF password_hash ON app_user FOR EACH ROW
  WHEN (NEW.must_change) EXECUTE FUNCTION issue_recorded();
