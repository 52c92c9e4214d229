-- The first version of the rules, in force since the RTS applies. What they rest on: docs/explanation/risk.md. A change
-- is another version in another migration, whole, with its own first day.
INSERT INTO risk_riskrule
    (version, in_force_from, factor, measure, comparison, threshold, weight, weight_if_unknown)
VALUES
    (1, '2019-09-14 00:00+02', 'compromised_elements', 'listed_elements', 'at_least', 1, 70, 70),
    (1, '2019-09-14 00:00+02', 'amount', 'amount_minor', 'at_least', 100000, 5, 15),
    (1, '2019-09-14 00:00+02', 'amount', 'amount_minor', 'at_least', 500000, 10, 15),
    (1, '2019-09-14 00:00+02', 'amount', 'amount_minor', 'at_least', 1500000, 15, 15),
    (1, '2019-09-14 00:00+02', 'abnormal_spending', 'percent_of_usual', 'at_least', 150, 10, 10),
    (1, '2019-09-14 00:00+02', 'abnormal_spending', 'percent_of_usual', 'at_least', 300, 20, 10),
    (1, '2019-09-14 00:00+02', 'abnormal_spending', 'payments_last_hour', 'at_least', 5, 10, 10),
    (1, '2019-09-14 00:00+02', 'abnormal_spending', 'payments_last_hour', 'at_least', 10, 20, 10),
    (1, '2019-09-14 00:00+02', 'abnormal_spending', 'payments_last_day', 'at_least', 20, 10, 10),
    (1, '2019-09-14 00:00+02', 'abnormal_spending', 'hour_rarity_percent', 'at_least', 100, 10, 1),
    (1, '2019-09-14 00:00+02', 'unusual_device', 'device_age_hours', 'at_most', 24, 15, 15),
    (1, '2019-09-14 00:00+02', 'malware', 'automated_client', 'at_least', 1, 40, 5),
    (1, '2019-09-14 00:00+02', 'malware', 'session_seconds', 'at_most', 8, 30, 2),
    (1, '2019-09-14 00:00+02', 'known_fraud_scenario', 'takeover_signs', 'at_least', 1, 40, 5),
    (1, '2019-09-14 00:00+02', 'known_fraud_scenario', 'burst_to_new_payee', 'at_least', 3, 20, 5),
    (1, '2019-09-14 00:00+02', 'known_fraud_scenario', 'burst_to_new_payee', 'at_least', 5, 40, 5),
    (1, '2019-09-14 00:00+02', 'known_fraud_scenario', 'name_mismatch_to_new_payee', 'at_least', 1, 15, 5),
    (1, '2019-09-14 00:00+02', 'abnormal_location', 'network_age_hours', 'at_most', 24, 10, 10),
    (1, '2019-09-14 00:00+02', 'high_risk_payee', 'payee_age_hours', 'at_most', 24, 15, 15),
    (1, '2019-09-14 00:00+02', 'high_risk_payee', 'new_country', 'at_least', 1, 10, 5);
