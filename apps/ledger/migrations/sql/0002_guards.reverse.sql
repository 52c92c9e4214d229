DROP TRIGGER ledger_account_stays ON ledger_ledgeraccount;
DROP TRIGGER ledger_hold_append_only ON ledger_hold;
DROP TRIGGER ledger_holdevent_append_only ON ledger_holdevent;
DROP TRIGGER ledger_entrykey_append_only ON ledger_entrykey;
DROP TRIGGER ledger_entry_append_only ON ledger_entry;
DROP TRIGGER ledger_posting_append_only ON ledger_posting;
DROP FUNCTION ledger_refuse_change();
DROP FUNCTION ledger_check_balance() CASCADE;
DROP FUNCTION ledger_guard_partition(text);
