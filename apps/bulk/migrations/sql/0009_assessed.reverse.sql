DROP TRIGGER bulk_file_assessment_stays ON bulk_paymentfile;
DROP TRIGGER bulk_file_assessed ON bulk_paymentfile;
DROP FUNCTION bulk_check_assessed();
