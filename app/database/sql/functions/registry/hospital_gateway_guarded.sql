-- How a hospital signs holds by another person's approval; at once only as the first that is known of the hospital.
-- Called by the trigger hospital_gateway_guarded.
CREATE FUNCTION hospital_gateway_guarded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.state = 'approved' AND OLD.state <> 'approved' AND NEW.approved_by IS NULL
     OR TG_OP = 'INSERT' AND NEW.state <> 'pending' AND EXISTS (
       SELECT FROM hospital_gateway g WHERE g.hospital_code = NEW.hospital_code) THEN
    RAISE EXCEPTION 'how a hospital signs changes by two people' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
