-- The end of a booking day, in three transactions: say that it is over, wait for those who did not hear it, add up.

CREATE FUNCTION ledger_begin_closing(p_day date) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_first date;
    v_days int;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_closing'));
    SELECT coalesce((SELECT max(day) + 1 FROM ledger_closedday), (SELECT min(booking_date) FROM ledger_entrykey))
    INTO v_first;
    INSERT INTO ledger_closedday (day)
    SELECT d::date FROM generate_series(v_first, p_day, interval '1 day') d WHERE v_first IS NOT NULL;
    GET DIAGNOSTICS v_days = ROW_COUNT;
    RETURN v_days;
END
$$;
REVOKE ALL ON FUNCTION ledger_begin_closing(date) FROM PUBLIC;

-- Returns when every posting that began before the day was closed has ended: it may still be booked on that day.
CREATE FUNCTION ledger_await_postings() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    LOCK TABLE ONLY ledger_posting IN SHARE ROW EXCLUSIVE MODE;
END
$$;
REVOKE ALL ON FUNCTION ledger_await_postings() FROM PUBLIC;

-- Daily balances of all closed days that have none yet. Returns how many balances were written.
CREATE FUNCTION ledger_finish_closing() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_first date;
    v_last date;
    v_balances bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_closing'));
    SELECT min(day), max(day) INTO v_first, v_last FROM ledger_closedday WHERE balances_at IS NULL;
    INSERT INTO ledger_dailybalance (account_id, day, debits_minor, credits_minor, closing_balance_minor)
    SELECT account_id, booking_date, debits, credits,
           coalesce((SELECT b.closing_balance_minor FROM ledger_dailybalance b
                     WHERE b.account_id = turnover.account_id AND b.day < v_first ORDER BY b.day DESC LIMIT 1), 0)
           + sum(credits - debits) OVER (PARTITION BY account_id ORDER BY booking_date)
    FROM (
        SELECT account_id, booking_date, coalesce(sum(amount_minor) FILTER (WHERE direction = 'DEBIT'), 0) AS debits,
               coalesce(sum(amount_minor) FILTER (WHERE direction = 'CREDIT'), 0) AS credits
        FROM ledger_posting WHERE booking_date BETWEEN v_first AND v_last GROUP BY account_id, booking_date
    ) turnover;
    GET DIAGNOSTICS v_balances = ROW_COUNT;
    UPDATE ledger_closedday SET balances_at = now() WHERE balances_at IS NULL;
    RETURN v_balances;
END
$$;
REVOKE ALL ON FUNCTION ledger_finish_closing() FROM PUBLIC;

-- The months around today; `manage.py ledger months` and a nightly task make the next ones.
SELECT ledger_make_month((date_trunc('month', now()) + make_interval(months => n))::date) FROM generate_series(-13, 3) n;
