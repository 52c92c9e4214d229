DROP FUNCTION screening_refuse_change() CASCADE;
