ALTER TABLE risk_riskrule DISABLE TRIGGER risk_rule_append_only;
DELETE FROM risk_riskrule WHERE version = 1;
ALTER TABLE risk_riskrule ENABLE TRIGGER risk_rule_append_only;
