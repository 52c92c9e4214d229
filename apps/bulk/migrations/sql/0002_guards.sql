-- What stands in a file is what was signed: payee, amount and texts of a payment never change, and payments come and go
-- only while their file is being checked.

CREATE FUNCTION bulk_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a payment of a file is not changed' USING ERRCODE = 'integrity_constraint_violation',
        CONSTRAINT = TG_NAME;
END
$$;

CREATE TRIGGER bulk_item_unchanged
    BEFORE UPDATE OF id, batch_id, position, line, instruction_identification, end_to_end_identification, amount_minor,
        creditor_name, creditor_iban, remittance_information_unstructured, purpose, is_internal
    ON bulk_paymentitem FOR EACH ROW EXECUTE FUNCTION bulk_refuse_change();

CREATE TRIGGER bulk_batch_unchanged
    BEFORE UPDATE OF id, file_id, number, payment_information_identification, debtor_account_id, debtor_iban, batch_booking,
        requested_execution_date, currency, checks_payees, set_size
    ON bulk_paymentbatch FOR EACH ROW EXECUTE FUNCTION bulk_refuse_change();

-- One look for a whole statement, so that loading 100,000 payments costs no more than loading one.
CREATE FUNCTION bulk_check_items_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT batch_id FROM touched) t JOIN bulk_paymentbatch b ON b.id = t.batch_id
        JOIN bulk_paymentfile f ON f.id = b.file_id WHERE f.status <> 'PDNG'
    ) THEN
        RAISE EXCEPTION 'the file is no longer being checked' USING ERRCODE = 'integrity_constraint_violation',
            CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER bulk_item_added_only_while_checked AFTER INSERT ON bulk_paymentitem
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION bulk_check_items_open();
CREATE TRIGGER bulk_item_removed_only_while_checked AFTER DELETE ON bulk_paymentitem
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION bulk_check_items_open();
