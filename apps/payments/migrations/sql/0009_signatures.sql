-- How many must sign is set when the first has signed, and from then on nobody makes it fewer: not by a service, not at
-- psql.

CREATE FUNCTION payments_refuse_fewer_signatures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what takes the signatures of several is not released by fewer'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
END
$$;

CREATE TRIGGER payment_signatures_never_fewer
    BEFORE UPDATE OF signatures_needed ON payments_paymentinitiation
    FOR EACH ROW WHEN (NEW.signatures_needed < OLD.signatures_needed) EXECUTE FUNCTION payments_refuse_fewer_signatures();

CREATE TRIGGER standing_order_signatures_never_fewer
    BEFORE UPDATE OF signatures_needed ON payments_standingorder
    FOR EACH ROW WHEN (NEW.signatures_needed < OLD.signatures_needed) EXECUTE FUNCTION payments_refuse_fewer_signatures();
