-- The posting of an entry: lock the accounts in id order, check, move, write. One round trip, one transaction.
-- Runs with the owner's rights: the engine's role may call it and has no write privilege on the tables at all.

CREATE FUNCTION ledger_post_entry(
    p_entry_id uuid, p_kind text, p_reference text, p_currency text, p_booking_date date, p_value_date date,
    p_posted_at timestamptz, p_accounts uuid[], p_directions text[], p_amounts bigint[],
    p_debtor_name text, p_debtor_iban text, p_creditor_name text, p_creditor_iban text,
    p_end_to_end_identification text, p_remittance text
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_content bytea := sha256(convert_to(
        array_to_string(p_accounts, ',') || '|' || array_to_string(p_directions, ',') || '|' ||
        array_to_string(p_amounts, ',') || '|' || p_currency, 'UTF8'));
    v_existing bytea;
    v_locked int;
    v_mismatched int;
BEGIN
    -- Always in id order, whatever the order of the legs: no two postings can wait for each other in a ring.
    SELECT count(*), count(*) FILTER (WHERE currency <> p_currency) INTO v_locked, v_mismatched
    FROM (SELECT currency FROM ledger_ledgeraccount WHERE id = ANY (p_accounts) ORDER BY id FOR NO KEY UPDATE) a;
    IF v_locked <> (SELECT count(DISTINCT x) FROM unnest(p_accounts) x) THEN
        RETURN 'account_not_found';
    END IF;

    -- Under the locks: a second delivery of the same entry sees the first one's row.
    SELECT content_hash INTO v_existing FROM ledger_entry WHERE kind = p_kind AND reference = p_reference;
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
        JOIN ledger_ledgeraccount a ON a.id = moved.account_id
        WHERE moved.change < 0 AND a.credits_minor - a.debits_minor + moved.change < a.minimum_balance_minor
    ) THEN
        RETURN 'exceeds_balance';
    END IF;

    INSERT INTO ledger_entry (id, kind, reference, currency, booking_date, value_date, posted_at, content_hash,
                              debtor_name, debtor_iban, creditor_name, creditor_iban, end_to_end_identification,
                              remittance_information_unstructured)
    VALUES (p_entry_id, p_kind, p_reference, p_currency, p_booking_date, p_value_date, p_posted_at, v_content,
            p_debtor_name, p_debtor_iban, p_creditor_name, p_creditor_iban, p_end_to_end_identification, p_remittance);

    WITH legs AS (
        SELECT * FROM unnest(p_accounts, p_directions, p_amounts) WITH ORDINALITY
            AS leg (account_id, direction, amount, position)
    ), sums AS (
        SELECT account_id, coalesce(sum(amount) FILTER (WHERE direction = 'DEBIT'), 0) AS debit,
               coalesce(sum(amount) FILTER (WHERE direction = 'CREDIT'), 0) AS credit
        FROM legs GROUP BY account_id
    ), moved AS (
        UPDATE ledger_ledgeraccount a
        SET debits_minor = a.debits_minor + s.debit, credits_minor = a.credits_minor + s.credit,
            last_posted_at = p_posted_at
        FROM sums s WHERE a.id = s.account_id
        RETURNING a.id, a.credits_minor - a.debits_minor AS balance
    )
    INSERT INTO ledger_posting (entry_id, account_id, direction, amount_minor, currency, booking_date,
                                balance_after_minor)
    SELECT p_entry_id, l.account_id, l.direction, l.amount, p_currency, p_booking_date, m.balance
    FROM legs l JOIN moved m ON m.id = l.account_id ORDER BY l.position;
    RETURN 'posted';
END
$$;

REVOKE ALL ON FUNCTION ledger_post_entry(uuid, text, text, text, date, date, timestamptz, uuid[], text[], bigint[],
    text, text, text, text, text, text) FROM PUBLIC;

-- Even a superuser at psql cannot commit an entry that does not balance, or in the wrong currency.
-- With a search path of its own, because a constraint's trigger runs under that of whoever commits, and a temporary table
-- is found before one of the same name in public: an empty ledger_posting would have made any entry look balanced.
-- Without joins: a planner that knows no statistics yet would read all accounts for each posting.
CREATE FUNCTION ledger_check_entry_balances() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_currency text := (SELECT e.currency FROM ledger_entry e WHERE e.id = NEW.entry_id);
    v_difference numeric;
    v_foreign int;
BEGIN
    SELECT sum(CASE p.direction WHEN 'DEBIT' THEN p.amount_minor ELSE -p.amount_minor END),
           count(*) FILTER (WHERE p.currency <> v_currency OR p.currency <> (
               SELECT a.currency FROM ledger_ledgeraccount a WHERE a.id = p.account_id))
    INTO v_difference, v_foreign
    FROM ledger_posting p WHERE p.entry_id = NEW.entry_id;
    IF v_difference <> 0 OR v_foreign > 0 THEN
        RAISE EXCEPTION 'entry % does not balance', NEW.entry_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_entry_balances';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER ledger_entry_balances AFTER INSERT ON ledger_posting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_entry_balances();

-- TRUNCATE is left to privileges: no role of a program has it, and the owner could drop the table anyway.
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: correct it by another entry', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_append_only';
END
$$;
CREATE TRIGGER ledger_posting_append_only BEFORE UPDATE OR DELETE ON ledger_posting
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
