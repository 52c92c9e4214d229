-- A receipt can be checked for as long as its key is known: none is ever taken away or exchanged. What may change is that
-- it retires, once, and its private half goes with that.

CREATE FUNCTION receipts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a key that signed receipts stays as it is' USING ERRCODE = 'restrict_violation',
        CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER receipt_key_stays BEFORE DELETE ON receipts_receiptkey
    FOR EACH ROW EXECUTE FUNCTION receipts_refuse_change();
CREATE TRIGGER receipt_key_unchanged BEFORE UPDATE ON receipts_receiptkey
    FOR EACH ROW WHEN (OLD.retired_at IS NOT NULL OR NEW.kid <> OLD.kid OR NEW.public_key <> OLD.public_key
        OR NEW.created_at <> OLD.created_at)
    EXECUTE FUNCTION receipts_refuse_change();
-- Whoever may add a key adds one that signs, and only where none does: none of the past can be slipped in.
CREATE TRIGGER receipt_key_begins_in_use BEFORE INSERT ON receipts_receiptkey
    FOR EACH ROW WHEN (NEW.retired_at IS NOT NULL) EXECUTE FUNCTION receipts_refuse_change();
