DROP TRIGGER outbox_notify ON notifications_outboxmessage;
DROP FUNCTION notifications_outbox_notify();
