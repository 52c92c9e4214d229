-- What was there before anything was assessed says so, under an id of its own that is the payment's.
INSERT INTO risk_riskassessment (id, subject, subject_id, psu_id, account_id, level, facts, factors, device, network,
    items_at_level, assessed_at)
SELECT id, 'payment', id, psu_id, debtor_account_id, 'none', '{}', '[]', '', '', '{}', created_at
FROM payments_paymentinitiation;
UPDATE payments_paymentinitiation SET risk_assessment_id = id;
-- The table is changed next, which waits for no foreign key that is still to be looked at.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
