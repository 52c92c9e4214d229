-- Assessments stay: they are evidence.
SELECT 1;
