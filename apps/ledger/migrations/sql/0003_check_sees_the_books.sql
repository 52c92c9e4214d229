-- A constraint's trigger runs under the search path of whoever commits, and a temporary table is found before one of the
-- same name in public: an empty one called ledger_posting would have made any entry look balanced.
ALTER FUNCTION ledger_check_entry_balances() SET search_path = public, pg_temp;
