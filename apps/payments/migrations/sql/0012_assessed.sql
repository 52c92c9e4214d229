-- A payment has an assessment (NOT NULL), no two have the same (UNIQUE), and it is one that was made of this payment.

CREATE FUNCTION payments_check_assessed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR NOT EXISTS (
        SELECT FROM risk_riskassessment
        WHERE id = NEW.risk_assessment_id AND subject = 'payment' AND subject_id = NEW.id AND level <> 'none'
            AND (facts ->> 'amount_minor')::bigint = NEW.amount_minor
    ) THEN
        RAISE EXCEPTION 'a payment is stored with the assessment that was made of it'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER payment_assessed BEFORE INSERT ON payments_paymentinitiation
    FOR EACH ROW WHEN (NEW.risk_assessment_id IS NOT NULL) EXECUTE FUNCTION payments_check_assessed();
CREATE TRIGGER payment_assessment_stays BEFORE UPDATE OF risk_assessment_id ON payments_paymentinitiation
    FOR EACH ROW WHEN (NEW.risk_assessment_id IS DISTINCT FROM OLD.risk_assessment_id)
    EXECUTE FUNCTION payments_check_assessed();
