-- One entry with any number of legs, in fewer statements than before: lock, judge, then the key, the entry, the postings.
-- Never a table from end to end: a session of the first hour keeps the plan that it made when the tables had one page.
CREATE OR REPLACE FUNCTION ledger_post_entry(
    p_kind text, p_reference text, p_currency text, p_booking_date date, p_value_date date,
    p_posted_at timestamptz, p_accounts uuid[], p_directions text[], p_amounts bigint[],
    p_debtor_name text, p_debtor_iban text, p_creditor_name text, p_creditor_iban text,
    p_end_to_end_identification text, p_remittance text
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
DECLARE
    v_entry_id uuid := ledger_entry_id(p_kind, p_reference);
    v_content bytea := ledger_content_hash(p_accounts, p_directions, p_amounts, p_currency);
    v_existing bytea;
    v_day date;
    v_unknown int;
    v_mismatched int;
    v_uncovered int;
BEGIN
    -- Always in id order, whatever the order of the legs: no two postings can wait for each other in a ring. Accounts that
    -- fold later have nothing to check and are not waited for.
    PERFORM 1 FROM ledger_ledgeraccount WHERE id = ANY (p_accounts) AND NOT folds_later
        ORDER BY id FOR NO KEY UPDATE;
    -- After the locks, so that a posting that was waited for is seen.
    SELECT (SELECT content_hash FROM ledger_entrykey WHERE entry_id = v_entry_id),
           greatest(p_booking_date, (SELECT max(day) + 1 FROM ledger_closedday)),
           count(*) FILTER (WHERE a.id IS NULL), count(*) FILTER (WHERE a.currency <> p_currency),
           count(*) FILTER (WHERE moved.change < 0 AND
               a.credits_minor - a.debits_minor - a.held_minor + moved.change < a.minimum_balance_minor)
    INTO v_existing, v_day, v_unknown, v_mismatched, v_uncovered
    FROM (SELECT account_id, sum(CASE direction WHEN 'CREDIT' THEN amount ELSE -amount END) AS change
          FROM unnest(p_accounts, p_directions, p_amounts) AS leg (account_id, direction, amount)
          GROUP BY account_id) moved
    LEFT JOIN ledger_ledgeraccount a ON a.id = moved.account_id;
    IF v_unknown > 0 THEN
        RETURN 'account_not_found';
    ELSIF v_existing IS NOT NULL THEN
        RETURN CASE WHEN v_existing = v_content THEN 'exists' ELSE 'exists_with_different_content' END;
    ELSIF v_mismatched > 0 THEN
        RETURN 'currency_mismatch';
    ELSIF v_uncovered > 0 THEN
        RETURN 'exceeds_balance';
    END IF;

    INSERT INTO ledger_entrykey (entry_id, booking_date, currency, content_hash)
    VALUES (v_entry_id, v_day, p_currency, v_content) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN -- Somebody else booked it a moment ago; no account made us wait for him.
        SELECT content_hash INTO v_existing FROM ledger_entrykey WHERE entry_id = v_entry_id;
        RETURN CASE WHEN v_existing = v_content THEN 'exists' ELSE 'exists_with_different_content' END;
    END IF;
    INSERT INTO ledger_entry (id, kind, reference, currency, booking_date, value_date, posted_at,
                              debtor_name, debtor_iban, creditor_name, creditor_iban, end_to_end_identification,
                              remittance_information_unstructured)
    VALUES (v_entry_id, p_kind, p_reference, p_currency, v_day, p_value_date, p_posted_at,
            p_debtor_name, p_debtor_iban, p_creditor_name, p_creditor_iban, p_end_to_end_identification, p_remittance);

    WITH legs AS (
        SELECT leg.*, (SELECT a.folds_later FROM ledger_ledgeraccount a WHERE a.id = leg.account_id) AS folds_later
        FROM unnest(p_accounts, p_directions, p_amounts) WITH ORDINALITY
            AS leg (account_id, direction, amount, position)
    ), sums AS (
        SELECT account_id, folds_later, coalesce(sum(amount) FILTER (WHERE direction = 'DEBIT'), 0) AS debit,
               coalesce(sum(amount) FILTER (WHERE direction = 'CREDIT'), 0) AS credit
        FROM legs GROUP BY account_id, folds_later
    ), moved AS (
        UPDATE ledger_ledgeraccount a
        SET debits_minor = a.debits_minor + s.debit, credits_minor = a.credits_minor + s.credit,
            last_posted_at = p_posted_at, last_booking_date = greatest(a.last_booking_date, v_day)
        FROM sums s WHERE a.id = s.account_id AND NOT s.folds_later
        RETURNING a.id, a.credits_minor - a.debits_minor AS balance
    ), pending AS (
        INSERT INTO ledger_pendingtotal (account_id, debit_minor, credit_minor, posted_at, booking_date)
        SELECT account_id, debit, credit, p_posted_at, v_day FROM sums WHERE folds_later
    )
    INSERT INTO ledger_posting (entry_id, account_id, direction, amount_minor, currency, booking_date,
                                balance_after_minor)
    SELECT v_entry_id, l.account_id, l.direction, l.amount, p_currency, v_day, m.balance
    FROM legs l LEFT JOIN moved m ON m.id = l.account_id ORDER BY l.position;
    RETURN 'posted';
END
$$;

ALTER FUNCTION ledger_check_balance() SET enable_seqscan = off;
