DROP TRIGGER payment_assessment_stays ON payments_paymentinitiation;
DROP TRIGGER payment_assessed ON payments_paymentinitiation;
DROP FUNCTION payments_check_assessed();
