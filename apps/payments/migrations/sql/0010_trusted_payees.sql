-- A payee comes to a list, and to another name there, only by an authorisation that its customer finalised for his list
-- (RTS art. 13(1)): not by a service, not at psql. That no other change has used it says a unique constraint.

CREATE FUNCTION payments_check_trusted_payee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.authorisation_id = OLD.authorisation_id
       OR NOT EXISTS (
           SELECT FROM sca_scaauthorisation
           WHERE id = NEW.authorisation_id AND psu_id = NEW.psu_id
             AND subject_type = 'trusted_payees' AND sca_status = 'finalised')
    THEN
        RAISE EXCEPTION 'a list of trusted payees changes only by strong authentication'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'trusted_payee_only_authenticated';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER trusted_payee_added_only_authenticated BEFORE INSERT ON payments_trustedpayee
    FOR EACH ROW EXECUTE FUNCTION payments_check_trusted_payee();

CREATE TRIGGER trusted_payee_changed_only_authenticated BEFORE UPDATE ON payments_trustedpayee
    FOR EACH ROW WHEN (
        (OLD.id, OLD.psu_id, OLD.name, OLD.iban, OLD.authorisation_id)
            IS DISTINCT FROM (NEW.id, NEW.psu_id, NEW.name, NEW.iban, NEW.authorisation_id)
        OR OLD.removed_at IS NOT NULL AND NEW.removed_at IS NULL)
    EXECUTE FUNCTION payments_check_trusted_payee();
