DROP TRIGGER payment_exemption_append_only ON payments_paymentexemption;
DROP FUNCTION payments_refuse_change_of_exemption();
DROP TRIGGER exempted_only_recorded ON sca_scaauthorisation;
DROP FUNCTION payments_check_exemption_recorded();
