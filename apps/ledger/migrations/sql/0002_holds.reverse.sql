DROP FUNCTION ledger_end_hold(text, text, timestamptz);
DROP FUNCTION ledger_place_hold(uuid, uuid, text, bigint, text, timestamptz, timestamptz);
