ALTER FUNCTION ledger_check_entry_balances() RESET search_path;
