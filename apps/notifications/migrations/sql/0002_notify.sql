-- Tells the relay that rows wait; delivered at commit, once per transaction.
CREATE FUNCTION notifications_outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER outbox_notify AFTER INSERT ON notifications_outboxmessage
    FOR EACH STATEMENT EXECUTE FUNCTION notifications_outbox_notify();
