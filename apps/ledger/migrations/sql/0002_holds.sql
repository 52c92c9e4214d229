-- Holds: money that stays on the account and is no longer available. Each step is a row of its own; the account keeps the sum.

CREATE FUNCTION ledger_place_hold(
    p_hold_id uuid, p_account_id uuid, p_reference text, p_amount bigint, p_currency text, p_expires_at timestamptz,
    p_at timestamptz
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_account ledger_ledgeraccount;
    v_existing ledger_hold;
BEGIN
    SELECT * INTO v_account FROM ledger_ledgeraccount WHERE id = p_account_id FOR NO KEY UPDATE;
    IF NOT FOUND OR v_account.currency <> p_currency OR v_account.folds_later THEN
        RETURN 'account_not_found';
    END IF;
    SELECT * INTO v_existing FROM ledger_hold WHERE reference = p_reference;
    IF FOUND THEN
        RETURN CASE WHEN (v_existing.account_id, v_existing.amount_minor) = (p_account_id, p_amount)
                    THEN 'exists' ELSE 'exists_with_different_content' END;
    END IF;
    IF v_account.credits_minor - v_account.debits_minor - v_account.held_minor - p_amount
       < v_account.minimum_balance_minor THEN
        RETURN 'exceeds_balance';
    END IF;
    INSERT INTO ledger_hold (id, account_id, reference, amount_minor, currency, expires_at)
    VALUES (p_hold_id, p_account_id, p_reference, p_amount, p_currency, p_expires_at);
    INSERT INTO ledger_holdevent (hold_id, status, happened_at) VALUES (p_hold_id, 'placed', p_at);
    UPDATE ledger_ledgeraccount SET held_minor = held_minor + p_amount WHERE id = p_account_id;
    RETURN 'done';
END
$$;
REVOKE ALL ON FUNCTION ledger_place_hold(uuid, uuid, text, bigint, text, timestamptz, timestamptz) FROM PUBLIC;

-- Capture, release or expire: once. Capturing frees the money for the posting that follows in the same transaction.
CREATE FUNCTION ledger_end_hold(p_reference text, p_status text, p_at timestamptz) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_hold ledger_hold;
    v_ended text;
BEGIN
    SELECT * INTO v_hold FROM ledger_hold WHERE reference = p_reference;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    PERFORM 1 FROM ledger_ledgeraccount WHERE id = v_hold.account_id FOR NO KEY UPDATE;
    SELECT status INTO v_ended FROM ledger_holdevent WHERE hold_id = v_hold.id AND status <> 'placed';
    IF FOUND THEN
        RETURN CASE WHEN v_ended = p_status THEN 'exists' ELSE 'already_ended' END;
    END IF;
    INSERT INTO ledger_holdevent (hold_id, status, happened_at) VALUES (v_hold.id, p_status, p_at);
    UPDATE ledger_ledgeraccount SET held_minor = held_minor - v_hold.amount_minor WHERE id = v_hold.account_id;
    RETURN 'done';
END
$$;
REVOKE ALL ON FUNCTION ledger_end_hold(text, text, timestamptz) FROM PUBLIC;
