-- A payment goes out without a code only with the record of why: not by a service, not at psql. The record comes first;
-- an authorisation becomes "exempted" only if it finds its own, of the same payment, customer and hash.

CREATE FUNCTION payments_check_exemption_recorded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.subject_type <> 'payment' OR NOT EXISTS (
        SELECT FROM payments_paymentexemption
        WHERE authorisation_id = NEW.id AND payment_id = NEW.subject_id AND psu_id = NEW.psu_id
          AND snapshot_hash = NEW.snapshot_hash)
    THEN
        RAISE EXCEPTION 'no exemption from strong authentication without its record'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'exempted_only_recorded';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER exempted_only_recorded BEFORE INSERT OR UPDATE ON sca_scaauthorisation
    FOR EACH ROW WHEN (NEW.sca_status = 'exempted') EXECUTE FUNCTION payments_check_exemption_recorded();

CREATE FUNCTION payments_refuse_change_of_exemption() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the record of an exemption is append-only'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'payment_exemption_append_only';
END
$$;

CREATE TRIGGER payment_exemption_append_only BEFORE UPDATE OR DELETE ON payments_paymentexemption
    FOR EACH ROW EXECUTE FUNCTION payments_refuse_change_of_exemption();
