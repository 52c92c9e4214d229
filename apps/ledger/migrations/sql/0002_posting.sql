-- Posting: lock the accounts in id order, check, move, write. They run with the owner's rights: the engine's role may call
-- them and has no write privilege on the tables at all.

-- The id of the entry of this kind and reference: the same for every delivery of the same thing.
CREATE FUNCTION ledger_entry_id(p_kind text, p_reference text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(substr(sha256(convert_to(p_kind || chr(10) || p_reference, 'UTF8')), 1, 16), 'hex')::uuid
$$;

CREATE FUNCTION ledger_content_hash(p_accounts uuid[], p_directions text[], p_amounts bigint[], p_currency text)
    RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(array_to_string(p_accounts, ',') || '|' || array_to_string(p_directions, ',') || '|' ||
                             array_to_string(p_amounts, ',') || '|' || p_currency, 'UTF8'))
$$;

-- A day that is closed takes no more bookings; they go on the day after the last closed one. The value date stays.
CREATE FUNCTION ledger_open_day(p_booking_date date) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT greatest(p_booking_date, (SELECT max(day) + 1 FROM ledger_closedday))
$$;

-- One entry with any number of legs.
CREATE FUNCTION ledger_post_entry(
    p_kind text, p_reference text, p_currency text, p_booking_date date, p_value_date date,
    p_posted_at timestamptz, p_accounts uuid[], p_directions text[], p_amounts bigint[],
    p_debtor_name text, p_debtor_iban text, p_creditor_name text, p_creditor_iban text,
    p_end_to_end_identification text, p_remittance text
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_entry_id uuid := ledger_entry_id(p_kind, p_reference);
    v_content bytea := ledger_content_hash(p_accounts, p_directions, p_amounts, p_currency);
    v_existing bytea;
    v_day date;
    v_known int;
    v_mismatched int;
BEGIN
    -- Always in id order, whatever the order of the legs: no two postings can wait for each other in a ring. Accounts that
    -- fold later have nothing to check and are not waited for.
    PERFORM 1 FROM ledger_ledgeraccount WHERE id = ANY (p_accounts) AND NOT folds_later
        ORDER BY id FOR NO KEY UPDATE;
    SELECT count(*), count(*) FILTER (WHERE currency <> p_currency) INTO v_known, v_mismatched
    FROM ledger_ledgeraccount WHERE id = ANY (p_accounts);
    IF v_known <> (SELECT count(DISTINCT x) FROM unnest(p_accounts) x) THEN
        RETURN 'account_not_found';
    END IF;

    SELECT content_hash INTO v_existing FROM ledger_entrykey WHERE entry_id = v_entry_id;
    IF FOUND THEN
        RETURN CASE WHEN v_existing = v_content THEN 'exists' ELSE 'exists_with_different_content' END;
    END IF;
    IF v_mismatched > 0 THEN
        RETURN 'currency_mismatch';
    END IF;
    IF EXISTS (
        SELECT 1
        FROM (SELECT account_id, sum(CASE direction WHEN 'CREDIT' THEN amount ELSE -amount END) AS change
              FROM unnest(p_accounts, p_directions, p_amounts) AS leg (account_id, direction, amount)
              GROUP BY account_id) moved
        WHERE moved.change < 0 AND (
            SELECT a.credits_minor - a.debits_minor - a.held_minor + moved.change < a.minimum_balance_minor
            FROM ledger_ledgeraccount a WHERE a.id = moved.account_id)
    ) THEN
        RETURN 'exceeds_balance';
    END IF;

    v_day := ledger_open_day(p_booking_date);
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
REVOKE ALL ON FUNCTION ledger_post_entry(text, text, text, date, date, timestamptz, uuid[], text[], bigint[],
    text, text, text, text, text, text) FROM PUBLIC;

-- Many transfers from one account to another each, in one statement; one outcome a transfer, in their order. What is sure
-- to be covered is booked as a set. The transfers of an account that might not cover them all follow one by one, in
-- their order, so that each is judged by what is there when its turn comes.
CREATE FUNCTION ledger_post_transfers(
    p_kinds text[], p_references text[], p_currency text, p_booking_date date, p_value_date date,
    p_posted_at timestamptz, p_debits uuid[], p_credits uuid[], p_amounts bigint[],
    p_debtor_names text[], p_debtor_ibans text[], p_creditor_names text[], p_creditor_ibans text[],
    p_end_to_end_identifications text[], p_remittances text[]
) RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_day date;
    v_ids uuid[];
    v_contents bytea[];
    v_outcomes text[];
    v_position int;
BEGIN
    PERFORM 1 FROM ledger_ledgeraccount WHERE id = ANY (p_debits || p_credits) AND NOT folds_later
        ORDER BY id FOR NO KEY UPDATE;
    v_day := ledger_open_day(p_booking_date);

    WITH asked AS MATERIALIZED (
        -- As in ledger_entry_id and ledger_content_hash, written out: calling them ten thousand times costs more than they do.
        SELECT t.*,
               encode(substr(sha256(convert_to(t.kind || chr(10) || t.reference, 'UTF8')), 1, 16), 'hex')::uuid AS entry_id,
               sha256(convert_to(t.debit_id || ',' || t.credit_id || '|DEBIT,CREDIT|' || t.amount || ',' || t.amount ||
                                 '|' || p_currency, 'UTF8')) AS content
        FROM unnest(p_kinds, p_references, p_debits, p_credits, p_amounts) WITH ORDINALITY
            AS t (kind, reference, debit_id, credit_id, amount, position)
    ), known AS (
        SELECT a.*, k.content_hash AS existing, d.currency AS debit_currency, c.currency AS credit_currency,
               CASE WHEN d.minimum_balance_minor IS NOT NULL
                    THEN d.credits_minor - d.debits_minor - d.held_minor - d.minimum_balance_minor END AS available,
               row_number() OVER (PARTITION BY a.entry_id ORDER BY a.position) > 1 AS repeated
        FROM asked a LEFT JOIN ledger_entrykey k ON k.entry_id = a.entry_id
             LEFT JOIN ledger_ledgeraccount d ON d.id = a.debit_id
             LEFT JOIN ledger_ledgeraccount c ON c.id = a.credit_id
    ), judged AS (
        SELECT *, CASE
            WHEN debit_currency IS NULL OR credit_currency IS NULL THEN 'account_not_found'
            WHEN existing = content THEN 'exists'
            WHEN existing IS NOT NULL THEN 'exists_with_different_content'
            WHEN debit_currency <> p_currency OR credit_currency <> p_currency THEN 'currency_mismatch'
            WHEN repeated OR debit_id = credit_id THEN 'in turn'
            ELSE 'posted' END AS outcome
        FROM known
    ), covered AS (
        SELECT *, sum(amount) FILTER (WHERE outcome IN ('posted', 'in turn')) OVER (PARTITION BY debit_id) AS total
        FROM judged
    )
    SELECT array_agg(entry_id ORDER BY position), array_agg(content ORDER BY position),
           array_agg(CASE WHEN outcome = 'posted' AND total > available THEN 'in turn' ELSE outcome END
                     ORDER BY position)
    INTO v_ids, v_contents, v_outcomes FROM covered;

    INSERT INTO ledger_entrykey (entry_id, booking_date, currency, content_hash)
    SELECT entry_id, v_day, p_currency, content FROM unnest(v_ids, v_contents, v_outcomes) AS t (entry_id, content, outcome)
    WHERE outcome = 'posted';

    INSERT INTO ledger_entry (id, kind, reference, currency, booking_date, value_date, posted_at,
                              debtor_name, debtor_iban, creditor_name, creditor_iban, end_to_end_identification,
                              remittance_information_unstructured)
    SELECT entry_id, kind, reference, p_currency, v_day, p_value_date, p_posted_at,
           debtor_name, debtor_iban, creditor_name, creditor_iban, end_to_end, remittance
    FROM unnest(v_ids, p_kinds, p_references, p_debtor_names, p_debtor_ibans, p_creditor_names, p_creditor_ibans,
                p_end_to_end_identifications, p_remittances, v_outcomes)
        AS t (entry_id, kind, reference, debtor_name, debtor_iban, creditor_name, creditor_iban, end_to_end, remittance,
              outcome)
    WHERE outcome = 'posted';

    WITH transfers AS (
        SELECT * FROM unnest(v_ids, p_debits, p_credits, p_amounts, v_outcomes) WITH ORDINALITY
            AS t (entry_id, debit_id, credit_id, amount, outcome, position)
        WHERE outcome = 'posted'
    ), legs AS (
        SELECT l.*, a.folds_later, a.credits_minor - a.debits_minor AS before
        FROM (
            SELECT entry_id, debit_id AS account_id, 'DEBIT' AS direction, amount, position * 2 AS place FROM transfers
            UNION ALL
            SELECT entry_id, credit_id, 'CREDIT', amount, position * 2 + 1 FROM transfers
        ) l JOIN ledger_ledgeraccount a ON a.id = l.account_id
    ), sums AS (
        SELECT account_id, folds_later, coalesce(sum(amount) FILTER (WHERE direction = 'DEBIT'), 0) AS debit,
               coalesce(sum(amount) FILTER (WHERE direction = 'CREDIT'), 0) AS credit
        FROM legs GROUP BY account_id, folds_later
    ), moved AS (
        UPDATE ledger_ledgeraccount a
        SET debits_minor = a.debits_minor + s.debit, credits_minor = a.credits_minor + s.credit,
            last_posted_at = p_posted_at, last_booking_date = greatest(a.last_booking_date, v_day)
        FROM sums s WHERE a.id = s.account_id AND NOT s.folds_later
    ), pending AS (
        INSERT INTO ledger_pendingtotal (account_id, debit_minor, credit_minor, posted_at, booking_date)
        SELECT account_id, debit, credit, p_posted_at, v_day FROM sums WHERE folds_later
    )
    INSERT INTO ledger_posting (entry_id, account_id, direction, amount_minor, currency, booking_date,
                                balance_after_minor)
    SELECT entry_id, account_id, direction, amount, p_currency, v_day,
           CASE WHEN NOT folds_later THEN before + sum(CASE direction WHEN 'CREDIT' THEN amount ELSE -amount END)
               OVER (PARTITION BY account_id ORDER BY place) END
    FROM legs ORDER BY place;

    FOR v_position IN SELECT n FROM unnest(v_outcomes) WITH ORDINALITY AS o (outcome, n) WHERE outcome = 'in turn' ORDER BY n
    LOOP
        v_outcomes[v_position] := ledger_post_entry(
            p_kinds[v_position], p_references[v_position], p_currency, p_booking_date, p_value_date, p_posted_at,
            ARRAY[p_debits[v_position], p_credits[v_position]], ARRAY['DEBIT', 'CREDIT'],
            ARRAY[p_amounts[v_position], p_amounts[v_position]],
            p_debtor_names[v_position], p_debtor_ibans[v_position], p_creditor_names[v_position],
            p_creditor_ibans[v_position], p_end_to_end_identifications[v_position], p_remittances[v_position]);
    END LOOP;
    RETURN v_outcomes;
END
$$;
REVOKE ALL ON FUNCTION ledger_post_transfers(text[], text[], text, date, date, timestamptz, uuid[], uuid[], bigint[],
    text[], text[], text[], text[], text[], text[]) FROM PUBLIC;

-- Add what waits to the totals of the accounts that fold later. Returns how many rows were folded in. Two at once take
-- different rows.
CREATE FUNCTION ledger_fold_totals() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_rows bigint;
BEGIN
    WITH taken AS (
        DELETE FROM ledger_pendingtotal WHERE id IN (
            SELECT id FROM ledger_pendingtotal ORDER BY id LIMIT 100000 FOR UPDATE SKIP LOCKED)
        RETURNING account_id, debit_minor, credit_minor, posted_at, booking_date
    ), sums AS (
        SELECT account_id, sum(debit_minor) AS debit, sum(credit_minor) AS credit, max(posted_at) AS posted_at,
               max(booking_date) AS booking_date, count(*) AS rows
        FROM taken GROUP BY account_id
    ), locked AS (
        SELECT a.id FROM ledger_ledgeraccount a WHERE a.id IN (SELECT account_id FROM sums) ORDER BY a.id
        FOR NO KEY UPDATE
    ), moved AS (
        UPDATE ledger_ledgeraccount a
        SET debits_minor = a.debits_minor + s.debit, credits_minor = a.credits_minor + s.credit,
            last_posted_at = s.posted_at, last_booking_date = greatest(a.last_booking_date, s.booking_date)
        FROM sums s JOIN locked l ON l.id = s.account_id WHERE a.id = s.account_id
        RETURNING s.rows
    )
    SELECT coalesce(sum(rows), 0) INTO v_rows FROM moved;
    RETURN v_rows;
END
$$;
REVOKE ALL ON FUNCTION ledger_fold_totals() FROM PUBLIC;
