DROP TRIGGER fraud_notice_append_only ON fraud_authoritynotice;
DROP TRIGGER fraud_report_unchanged ON fraud_fraudreport;
DROP TRIGGER fraud_report_stays ON fraud_fraudreport;
DROP FUNCTION fraud_refuse_change();
