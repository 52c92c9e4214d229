DROP TRIGGER audit_event_append_only ON audit_auditevent;
DROP FUNCTION audit_refuse_change();
DROP FUNCTION audit_append(timestamptz, text, text, text, text, text, text, text, jsonb);
DROP FUNCTION audit_hash(bytea, int, bigint, timestamptz, timestamptz, text, text, text, text, text, text, text, jsonb);
