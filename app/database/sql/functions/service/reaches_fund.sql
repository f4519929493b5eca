-- Whether the request may see what is of one fund. onestop.funds has the funds of its token; a token without funds
-- sees every fund.
-- Called by the policies of clearing and ledger (rules/), by transfers_post().
CREATE FUNCTION reaches_fund(row_fund text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(current_setting('onestop.funds', true), '') = ''
      OR row_fund = ANY (string_to_array(current_setting('onestop.funds', true), ','))
$$;

GRANT EXECUTE ON FUNCTION reaches_fund TO onestop_app, onestop_settler;
