-- A report is of one payment for good, is judged once and paid back once; a notice is only ever added.
CREATE FUNCTION fraud_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% stays as it is', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER fraud_report_stays BEFORE DELETE ON fraud_fraudreport
    FOR EACH ROW EXECUTE FUNCTION fraud_refuse_change();
CREATE TRIGGER fraud_report_unchanged BEFORE UPDATE ON fraud_fraudreport
    FOR EACH ROW WHEN (
        (NEW.id, NEW.payment_id, NEW.psu_id, NEW.reason, NEW.note, NEW.taken_by, NEW.reported_at, NEW.refund_due_on)
            IS DISTINCT FROM
            (OLD.id, OLD.payment_id, OLD.psu_id, OLD.reason, OLD.note, OLD.taken_by, OLD.reported_at, OLD.refund_due_on)
        OR OLD.status <> 'open'
            AND (NEW.status, NEW.outcome, NEW.decided_at, NEW.decided_by, NEW.decision_reason)
                IS DISTINCT FROM
                (OLD.status, OLD.outcome, OLD.decided_at, OLD.decided_by, OLD.decision_reason)
        OR OLD.refunded_at IS NOT NULL
            AND (NEW.refunded_at, NEW.refunded_minor) IS DISTINCT FROM (OLD.refunded_at, OLD.refunded_minor)
    ) EXECUTE FUNCTION fraud_refuse_change();
CREATE TRIGGER fraud_notice_append_only BEFORE UPDATE OR DELETE ON fraud_authoritynotice
    FOR EACH ROW EXECUTE FUNCTION fraud_refuse_change();
