DROP FUNCTION ledger_detach_month(date);
DROP FUNCTION ledger_make_month(date);
