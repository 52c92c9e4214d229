DROP FUNCTION receipts_refuse_change() CASCADE;
