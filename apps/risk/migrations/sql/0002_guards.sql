-- Assessments and rules are only ever added; a case is decided once; an element is taken off and never goes.
CREATE FUNCTION risk_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER risk_assessment_append_only BEFORE UPDATE OR DELETE ON risk_riskassessment
    FOR EACH ROW EXECUTE FUNCTION risk_refuse_change();
CREATE TRIGGER risk_rule_append_only BEFORE UPDATE OR DELETE ON risk_riskrule
    FOR EACH ROW EXECUTE FUNCTION risk_refuse_change();
CREATE TRIGGER risk_case_stays BEFORE DELETE ON risk_riskcase
    FOR EACH ROW EXECUTE FUNCTION risk_refuse_change();
CREATE TRIGGER risk_case_decided_once BEFORE UPDATE ON risk_riskcase
    FOR EACH ROW WHEN (OLD.status <> 'open' OR NEW.assessment_id <> OLD.assessment_id)
    EXECUTE FUNCTION risk_refuse_change();
CREATE TRIGGER risk_element_stays BEFORE DELETE ON risk_compromisedelement
    FOR EACH ROW EXECUTE FUNCTION risk_refuse_change();
CREATE TRIGGER risk_element_unchanged BEFORE UPDATE ON risk_compromisedelement
    FOR EACH ROW WHEN (
        OLD.removed_at IS NOT NULL
        OR (NEW.id, NEW.kind, NEW.value, NEW.reason, NEW.added_at, NEW.added_by)
            IS DISTINCT FROM (OLD.id, OLD.kind, OLD.value, OLD.reason, OLD.added_at, OLD.added_by)
    ) EXECUTE FUNCTION risk_refuse_change();
