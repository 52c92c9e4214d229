-- As for single payments: how many must sign is set when the first has signed, and never made fewer.

CREATE TRIGGER bulk_file_signatures_never_fewer
    BEFORE UPDATE OF signatures_needed ON bulk_paymentfile
    FOR EACH ROW WHEN (NEW.signatures_needed < OLD.signatures_needed) EXECUTE FUNCTION payments_refuse_fewer_signatures();
