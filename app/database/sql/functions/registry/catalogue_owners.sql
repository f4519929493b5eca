-- Whose catalogue entries count in an area, by the codes under which they are kept: everybody's, the province's, the
-- pooling area's. Of two that hold on one day the greater code stands above the other.
-- Called by bill_facts(), and by registry and national interface where they ask what the catalogue makes of a code.
CREATE FUNCTION catalogue_owners(p_area text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ARRAY['000000', left(p_area, 2) || '0000', left(p_area, 4) || '00']
$$;

GRANT EXECUTE ON FUNCTION catalogue_owners TO onestop_app, onestop_settler;
