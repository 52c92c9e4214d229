-- Entries and postings, month by month: indexes stay small, and an old month is taken out as a whole. The columns are
-- those that the models declare; the tables are empty here.

CREATE TABLE ledger_entry_by_month (LIKE ledger_entry INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (booking_date);
DROP TABLE ledger_entry;
ALTER TABLE ledger_entry_by_month RENAME TO ledger_entry;
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_pkey PRIMARY KEY (id, booking_date);

CREATE TABLE ledger_posting_by_month (LIKE ledger_posting INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (booking_date);
DROP TABLE ledger_posting;
ALTER TABLE ledger_posting_by_month RENAME TO ledger_posting;
CREATE SEQUENCE ledger_posting_id_seq CACHE 1 OWNED BY ledger_posting.id;
ALTER TABLE ledger_posting ALTER COLUMN id SET DEFAULT nextval('ledger_posting_id_seq'),
    ADD CONSTRAINT ledger_posting_pkey PRIMARY KEY (id, booking_date);
CREATE INDEX ledger_posting_statement ON ledger_posting (account_id, booking_date DESC, id DESC);
CREATE INDEX ledger_posting_entry ON ledger_posting (entry_id);

-- Where what has no month of its own goes, so that a booking never fails for want of a partition.
CREATE TABLE ledger_entry_other PARTITION OF ledger_entry DEFAULT;
CREATE TABLE ledger_posting_other PARTITION OF ledger_posting DEFAULT;

-- Make the partitions of the month in which p_day lies. False when they are there, or when something of that month
-- was booked before they were made: it stays with the others.
CREATE FUNCTION ledger_make_month(p_day date) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_first date := date_trunc('month', p_day)::date;
    v_next date := (date_trunc('month', p_day) + interval '1 month')::date;
    v_month text := to_char(p_day, 'YYYY_MM');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_make_month'));
    IF to_regclass('public.ledger_posting_' || v_month) IS NOT NULL
       OR EXISTS (SELECT 1 FROM ledger_entry_other WHERE booking_date >= v_first AND booking_date < v_next)
       OR EXISTS (SELECT 1 FROM ledger_posting_other WHERE booking_date >= v_first AND booking_date < v_next) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE ledger_entry_%s PARTITION OF ledger_entry FOR VALUES FROM (%L) TO (%L)',
                   v_month, v_first, v_next);
    EXECUTE format('CREATE TABLE ledger_posting_%s PARTITION OF ledger_posting FOR VALUES FROM (%L) TO (%L)',
                   v_month, v_first, v_next);
    PERFORM ledger_guard_partition('ledger_posting_' || v_month);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION ledger_make_month(date) FROM PUBLIC;

-- Take a month out: its tables stand alone afterwards, to be dumped and dropped; what they add up to is carried, so that
-- the books can still be proved. Refused unless the month is closed. Returns how many postings went.
CREATE FUNCTION ledger_detach_month(p_day date) RETURNS bigint
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_month text := to_char(p_day, 'YYYY_MM');
    v_last date := (date_trunc('month', p_day) + interval '1 month - 1 day')::date;
    v_postings bigint;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM ledger_closedday WHERE day >= v_last AND balances_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the month % is not closed', v_month USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format('ALTER TABLE ledger_posting DETACH PARTITION ledger_posting_%s', v_month);
    EXECUTE format('ALTER TABLE ledger_entry DETACH PARTITION ledger_entry_%s', v_month);
    EXECUTE format($sql$
        INSERT INTO ledger_carriedtotal (account_id, debits_minor, credits_minor)
        SELECT account_id, coalesce(sum(amount_minor) FILTER (WHERE direction = 'DEBIT'), 0),
               coalesce(sum(amount_minor) FILTER (WHERE direction = 'CREDIT'), 0)
        FROM ledger_posting_%s GROUP BY account_id
        ON CONFLICT (account_id) DO UPDATE SET
            debits_minor = ledger_carriedtotal.debits_minor + EXCLUDED.debits_minor,
            credits_minor = ledger_carriedtotal.credits_minor + EXCLUDED.credits_minor
    $sql$, v_month);
    EXECUTE format('SELECT count(*) FROM ledger_posting_%s', v_month) INTO v_postings;
    RETURN v_postings;
END
$$;
REVOKE ALL ON FUNCTION ledger_detach_month(date) FROM PUBLIC;
