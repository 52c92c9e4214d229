DROP FUNCTION ledger_finish_closing();
DROP FUNCTION ledger_await_postings();
DROP FUNCTION ledger_begin_closing(date);
