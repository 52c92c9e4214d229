DROP FUNCTION pricing_check_collected() CASCADE;
DROP FUNCTION pricing_refuse_change() CASCADE;
