-- One instruction a message again. Of each group the first keeps it, after which the message is named; the others were
-- written and sent all the same, and are answered by their own transaction ids.
UPDATE clearing_clearinginstruction later SET message_id = NULL
WHERE EXISTS (
    SELECT 1 FROM clearing_clearinginstruction first
    WHERE first.message_id = later.message_id AND first.payment_id < later.payment_id
);
SET CONSTRAINTS ALL IMMEDIATE;
