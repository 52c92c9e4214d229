-- A file that can be signed has an assessment (bulk_file_offered_only_assessed), which was made of this file and of each
-- of its payments; none is added once it can be (bulk_item_added_only_while_checked), and the assessment stays the same.

CREATE FUNCTION bulk_check_assessed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.risk_assessment_id IS NOT NULL OR NOT EXISTS (
        SELECT FROM risk_riskassessment
        WHERE id = NEW.risk_assessment_id AND subject = 'file' AND subject_id = NEW.id AND level <> 'none'
            AND octet_length(item_patterns) = (
                SELECT 2 * count(*) FROM bulk_paymentbatch b JOIN bulk_paymentitem i ON i.batch_id = b.id
                WHERE b.file_id = NEW.id
            )
    ) THEN
        RAISE EXCEPTION 'a file is offered with the assessment that was made of all of its payments'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER bulk_file_assessed BEFORE INSERT ON bulk_paymentfile
    FOR EACH ROW WHEN (NEW.risk_assessment_id IS NOT NULL) EXECUTE FUNCTION bulk_check_assessed();
CREATE TRIGGER bulk_file_assessment_stays BEFORE UPDATE OF risk_assessment_id ON bulk_paymentfile
    FOR EACH ROW WHEN (NEW.risk_assessment_id IS DISTINCT FROM OLD.risk_assessment_id)
    EXECUTE FUNCTION bulk_check_assessed();
