-- A message is what was said: only its key can be taken away, or be written with a new secret.
-- Called by the trigger nhsa_message_immutable.
CREATE FUNCTION nhsa_message_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.key IS NULL OR OLD.key IS NOT NULL)
     AND to_jsonb(OLD) - 'key' = to_jsonb(NEW) - 'key' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a message is kept: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
