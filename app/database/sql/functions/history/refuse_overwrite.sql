-- Dated facts are never overwritten: a correction supersedes one and adds another.
-- Called by the triggers *_history (rules/registry.sql).
CREATE FUNCTION refuse_overwrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.superseded_at IS NULL AND NEW.superseded_at IS NOT NULL
     AND to_jsonb(OLD) - 'superseded_at' - 'superseded_by' = to_jsonb(NEW) - 'superseded_at' - 'superseded_by' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% keeps its history: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
