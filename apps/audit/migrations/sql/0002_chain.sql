-- The trail is written by one function and by nothing else. It runs with the owner's rights, so that the
-- roles of the programs need (and have) no privilege on the tables but to read them.

CREATE FUNCTION audit_hash(
    p_prev bytea, p_stream int, p_seq bigint, p_at timestamptz, p_recorded_at timestamptz, p_event text,
    p_actor_type text, p_actor_id text, p_object_type text, p_object_id text, p_request_id text,
    p_session_id text, p_data jsonb
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- A JSON array keeps the fields apart: no value can pretend to be two. Times as microseconds since 1970.
    SELECT sha256(p_prev || convert_to(jsonb_build_array(
        p_stream, p_seq, (extract(epoch FROM p_at) * 1000000)::bigint,
        (extract(epoch FROM p_recorded_at) * 1000000)::bigint, p_event, p_actor_type, p_actor_id,
        p_object_type, p_object_id, p_request_id, p_session_id, p_data
    )::text, 'UTF8'))
$$;

CREATE FUNCTION audit_append(
    p_at timestamptz, p_event text, p_actor_type text, p_actor_id text, p_object_type text, p_object_id text,
    p_request_id text, p_session_id text, p_data jsonb
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_stream smallint := pg_backend_pid() % 64;
    v_seq bigint := 0;
    v_prev bytea := '';
    v_recorded_at timestamptz := clock_timestamp();
    v_hash bytea;
    v_tries int := 0;
    v_id bigint;
BEGIN
    -- A chain is held until commit. Taking the first free one, instead of waiting for a certain one, means that
    -- writers neither queue up nor deadlock; a transaction that holds one already gets the same again.
    WHILE NOT pg_try_advisory_xact_lock(1096106057, v_stream) LOOP
        v_tries := v_tries + 1;
        v_stream := (v_stream + 1) % 64;
        IF v_tries = 64 THEN
            PERFORM pg_advisory_xact_lock(1096106057, v_stream);
            EXIT;
        END IF;
    END LOOP;
    SELECT seq, hash INTO v_seq, v_prev FROM audit_audithead WHERE stream = v_stream;
    v_seq := coalesce(v_seq, 0) + 1;
    v_prev := coalesce(v_prev, '');
    v_hash := audit_hash(v_prev, v_stream, v_seq, p_at, v_recorded_at, p_event, p_actor_type, p_actor_id,
                         p_object_type, p_object_id, p_request_id, p_session_id, p_data);
    INSERT INTO audit_auditevent (stream, seq, at, recorded_at, event, actor_type, actor_id, object_type, object_id,
                                  request_id, session_id, data, prev_hash, hash)
    VALUES (v_stream, v_seq, p_at, v_recorded_at, p_event, p_actor_type, p_actor_id, p_object_type, p_object_id,
            p_request_id, p_session_id, p_data, v_prev, v_hash)
    RETURNING id INTO v_id;
    INSERT INTO audit_audithead AS h (stream, seq, hash) VALUES (v_stream, v_seq, v_hash)
    ON CONFLICT (stream) DO UPDATE SET seq = EXCLUDED.seq, hash = EXCLUDED.hash;
    RETURN v_id;
END
$$;

CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();

REVOKE ALL ON FUNCTION audit_append(timestamptz, text, text, text, text, text, text, text, jsonb) FROM PUBLIC;
