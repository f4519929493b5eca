-- Lets a row change its state by a move that state_move has, and nothing else of it but the columns named. Arguments:
-- the kind, then every column that may change besides state. A row is never removed.
-- Called by the triggers *_moves (rules/clearing.sql).
CREATE FUNCTION only_moves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  free text[] := TG_ARGV[1:] || ARRAY['state'];
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - free = to_jsonb(NEW) - free
     AND (OLD.state = NEW.state OR EXISTS (
       SELECT FROM state_move m
        WHERE m.kind = TG_ARGV[0] AND m.from_state = OLD.state AND m.to_state = NEW.state)) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '%: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
