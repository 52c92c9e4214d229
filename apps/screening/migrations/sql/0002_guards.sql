-- Editions, entries and evidence are only ever added; a hit is decided once and never goes.
CREATE FUNCTION screening_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER screening_list_append_only BEFORE UPDATE OR DELETE ON screening_sanctionslist
    FOR EACH ROW EXECUTE FUNCTION screening_refuse_change();
CREATE TRIGGER screening_entry_append_only BEFORE UPDATE OR DELETE ON screening_listedentry
    FOR EACH ROW EXECUTE FUNCTION screening_refuse_change();
CREATE TRIGGER screening_membership_append_only BEFORE UPDATE OR DELETE ON screening_sanctionslist_entries
    FOR EACH ROW EXECUTE FUNCTION screening_refuse_change();
CREATE TRIGGER screening_batch_append_only BEFORE UPDATE OR DELETE ON screening_screeningbatch
    FOR EACH ROW EXECUTE FUNCTION screening_refuse_change();
CREATE TRIGGER screening_run_stays BEFORE DELETE ON screening_screeningrun
    FOR EACH ROW EXECUTE FUNCTION screening_refuse_change();
CREATE TRIGGER screening_hit_stays BEFORE DELETE ON screening_screeninghit
    FOR EACH ROW EXECUTE FUNCTION screening_refuse_change();
CREATE TRIGGER screening_hit_decided_once BEFORE UPDATE ON screening_screeninghit
    FOR EACH ROW WHEN (OLD.status <> 'open') EXECUTE FUNCTION screening_refuse_change();
