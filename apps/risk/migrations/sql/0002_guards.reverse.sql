DROP FUNCTION risk_refuse_change() CASCADE;
