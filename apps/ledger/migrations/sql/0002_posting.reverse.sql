DROP FUNCTION ledger_fold_totals();
DROP FUNCTION ledger_post_transfers(text[], text[], text, date, date, timestamptz, uuid[], uuid[], bigint[],
    text[], text[], text[], text[], text[], text[]);
DROP FUNCTION ledger_post_entry(text, text, text, date, date, timestamptz, uuid[], text[], bigint[],
    text, text, text, text, text, text);
DROP FUNCTION ledger_open_day(date);
DROP FUNCTION ledger_content_hash(uuid[], text[], bigint[], text);
DROP FUNCTION ledger_entry_id(text, text);
