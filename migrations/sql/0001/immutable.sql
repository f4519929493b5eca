-- What happened stays. Wrong? Post the reversal, then the right one.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER settlement_immutable BEFORE UPDATE OR DELETE ON settlement FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_kept BEFORE TRUNCATE ON settlement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settled_visit_immutable BEFORE UPDATE OR DELETE ON settled_visit FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settled_visit_kept BEFORE TRUNCATE ON settled_visit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_immutable BEFORE UPDATE OR DELETE ON transfer FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_kept BEFORE TRUNCATE ON transfer FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_immutable BEFORE UPDATE OR DELETE ON account FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_text_kept BEFORE TRUNCATE ON policy_text FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER identity_kept BEFORE TRUNCATE ON identity FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER catalogue_entry_kept BEFORE TRUNCATE ON catalogue_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_text_immutable BEFORE UPDATE OR DELETE ON policy_text FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Dated facts are never overwritten: a correction supersedes one and adds another.
CREATE FUNCTION refuse_overwrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.superseded_at IS NULL AND NEW.superseded_at IS NOT NULL
     AND to_jsonb(OLD) - 'superseded_at' - 'superseded_by' = to_jsonb(NEW) - 'superseded_at' - 'superseded_by' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% keeps its history: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER identity_history BEFORE UPDATE OR DELETE ON identity FOR EACH ROW EXECUTE FUNCTION refuse_overwrite();
CREATE TRIGGER catalogue_entry_history BEFORE UPDATE OR DELETE ON catalogue_entry
  FOR EACH ROW EXECUTE FUNCTION refuse_overwrite();
