-- What holds even against a superuser at psql, without the posting functions.

-- Every INSERT brings whole entries: the postings of each balance, in one currency, on accounts of that currency, under an
-- entry of that date that is on record. Once a statement, and without joins: a planner that knows no statistics yet
-- would read all accounts for each posting. With a search path of its own, because a temporary table is found before
-- one of the same name in public.
CREATE FUNCTION ledger_check_balance() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_crooked uuid;
BEGIN
    SELECT n.entry_id INTO v_crooked
    FROM fresh n
    GROUP BY n.entry_id
    HAVING sum(CASE n.direction WHEN 'DEBIT' THEN n.amount_minor ELSE -n.amount_minor END) <> 0
        OR min(n.currency) <> max(n.currency) OR min(n.booking_date) <> max(n.booking_date)
        OR count(*) FILTER (WHERE n.currency IS DISTINCT FROM
               (SELECT a.currency FROM ledger_ledgeraccount a WHERE a.id = n.account_id)) > 0
        OR min(n.currency) IS DISTINCT FROM
               (SELECT k.currency FROM ledger_entrykey k WHERE k.entry_id = n.entry_id)
        OR min(n.booking_date) IS DISTINCT FROM
               (SELECT k.booking_date FROM ledger_entrykey k WHERE k.entry_id = n.entry_id)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % does not balance', v_crooked
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_entry_balances';
    END IF;
    RETURN NULL;
END
$$;

-- TRUNCATE is left to privileges: no role of a program has it, and the owner could drop the table anyway.
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: correct it by another entry', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_append_only';
END
$$;

-- A statement's trigger fires for the table that the statement names: the whole, or one partition.
CREATE FUNCTION ledger_guard_partition(p_table text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER ledger_entry_balances AFTER INSERT ON %I REFERENCING NEW TABLE AS fresh'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_balance()', p_table);
END
$$;
SELECT ledger_guard_partition('ledger_posting');
SELECT ledger_guard_partition('ledger_posting_other');

CREATE TRIGGER ledger_posting_append_only BEFORE UPDATE OR DELETE ON ledger_posting
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_entrykey_append_only BEFORE UPDATE OR DELETE ON ledger_entrykey
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_holdevent_append_only BEFORE UPDATE OR DELETE ON ledger_holdevent
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_hold_append_only BEFORE UPDATE OR DELETE ON ledger_hold
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
-- Postings stand without a foreign key to their account: so no account goes.
CREATE TRIGGER ledger_account_stays BEFORE DELETE ON ledger_ledgeraccount
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
