DROP TRIGGER ledger_entry_append_only ON ledger_entry;
DROP TRIGGER ledger_posting_append_only ON ledger_posting;
DROP FUNCTION ledger_refuse_change();
DROP TRIGGER ledger_entry_balances ON ledger_posting;
DROP FUNCTION ledger_check_entry_balances();
DROP FUNCTION ledger_post_entry(uuid, text, text, text, date, date, timestamptz, uuid[], text[], bigint[],
    text, text, text, text, text, text);
