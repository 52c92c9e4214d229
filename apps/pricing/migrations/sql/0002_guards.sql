-- Prices, accrued days, charges and what was collected are only ever added: what was charged can be computed again.
CREATE FUNCTION pricing_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER pricing_price_append_only BEFORE UPDATE OR DELETE ON pricing_price
    FOR EACH ROW EXECUTE FUNCTION pricing_refuse_change();
CREATE TRIGGER pricing_terms_append_only BEFORE UPDATE OR DELETE ON pricing_interestterms
    FOR EACH ROW EXECUTE FUNCTION pricing_refuse_change();
CREATE TRIGGER pricing_day_append_only BEFORE UPDATE OR DELETE ON pricing_accruedday
    FOR EACH ROW EXECUTE FUNCTION pricing_refuse_change();
CREATE TRIGGER pricing_accrual_append_only BEFORE UPDATE OR DELETE ON pricing_accrual
    FOR EACH ROW EXECUTE FUNCTION pricing_refuse_change();
CREATE TRIGGER pricing_charge_append_only BEFORE UPDATE OR DELETE ON pricing_charge
    FOR EACH ROW EXECUTE FUNCTION pricing_refuse_change();
CREATE TRIGGER pricing_collection_append_only BEFORE UPDATE OR DELETE ON pricing_collection
    FOR EACH ROW EXECUTE FUNCTION pricing_refuse_change();

-- No more is collected than was not covered.
CREATE FUNCTION pricing_check_collected() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(c.amount_minor) FROM pricing_collection c WHERE c.charge_id = NEW.charge_id)
       > (SELECT shortfall_minor FROM pricing_charge WHERE id = NEW.charge_id) THEN
        RAISE EXCEPTION 'more collected than was short' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'collection_within_shortfall';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER pricing_collection_within_shortfall AFTER INSERT ON pricing_collection
    FOR EACH ROW EXECUTE FUNCTION pricing_check_collected();
