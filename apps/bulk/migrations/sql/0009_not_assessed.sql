-- What was there before anything was assessed says so, under an id of its own that is the file's.
INSERT INTO risk_riskassessment (id, subject, subject_id, psu_id, level, facts, factors, device, network,
    items_at_level, assessed_at)
SELECT id, 'file', id, psu_id, 'none', '{}', '[]', '', '', '{}', created_at
FROM bulk_paymentfile WHERE status NOT IN ('PDNG', 'RJCT', 'CANC');
UPDATE bulk_paymentfile SET risk_assessment_id = id WHERE status NOT IN ('PDNG', 'RJCT', 'CANC');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
