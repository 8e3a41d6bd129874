-- The audit's Merkle tree (RFC 9162), its signed checkpoints, and evidence of exchanges.
--
-- `commitment` is SHA-256 over `salt` and the line's canonical text, made when the line is appended.
-- It stays when the line is erased at the end of retention, so the tree stays what it was. Lines of
-- earlier programs have neither; they are sealed when they are put into the tree.
ALTER TABLE audit_line ADD COLUMN salt BYTEA;
ALTER TABLE audit_line ADD COLUMN commitment BYTEA;

-- Which line is which leaf. Numbers of lines have gaps, places in the tree have none. Made by one
-- program at a time: two of one place cannot be.
CREATE TABLE audit_leaf (
    place BIGINT PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL UNIQUE,
    hash BYTEA NOT NULL
);
-- Hashes of complete subtrees at every fourth level above the leaves.
CREATE TABLE audit_node (
    level INTEGER NOT NULL,
    place BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (level, place)
);
-- What this node signed: the tree of `size` leaves had this root.
CREATE TABLE audit_checkpoint (
    size BIGINT PRIMARY KEY NOT NULL,
    made_at BIGINT NOT NULL,
    note TEXT NOT NULL
);
-- What witnesses signed under it.
CREATE TABLE audit_cosignature (
    size BIGINT NOT NULL REFERENCES audit_checkpoint (size),
    witness TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (size, witness)
);
-- Until when lines may be erased. A row opens the door in the trigger below; the audit line of the
-- erasure stands beside it, and `audit verify` wants to see it.
CREATE TABLE audit_erasure (
    erased_before BIGINT NOT NULL,
    at BIGINT NOT NULL
);

CREATE OR REPLACE FUNCTION audit_line_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    expected audit_line%ROWTYPE;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        expected := OLD;
        IF OLD.commitment IS NULL THEN
            expected.salt := NEW.salt;
            expected.commitment := NEW.commitment;
            IF NEW IS NOT DISTINCT FROM expected
                AND NEW.salt IS NOT NULL AND NEW.commitment IS NOT NULL
            THEN
                RETURN NEW;
            END IF;
        ELSIF OLD.at < (SELECT max(erased_before) FROM audit_erasure) THEN
            expected.kind := 'erased';
            expected.actor_role := '';
            expected.outcome := '';
            expected.detail := '{}';
            expected.salt := NULL;
            expected.exchange := NULL;
            expected.peer := NULL;
            expected.actor_id := NULL;
            expected.purpose := NULL;
            expected.patient := NULL;
            expected.person := NULL;
            expected.shown := NULL;
            expected.withheld := NULL;
            IF NEW IS NOT DISTINCT FROM expected THEN
                RETURN NEW;
            END IF;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit lines are never changed or removed';
END;
$$;

CREATE FUNCTION audit_tree_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit tree and what was signed of it are never changed or removed';
END;
$$;
CREATE TRIGGER audit_leaf_no_change BEFORE UPDATE OR DELETE ON audit_leaf
    FOR EACH ROW EXECUTE FUNCTION audit_tree_refuse();
CREATE TRIGGER audit_leaf_no_truncate BEFORE TRUNCATE ON audit_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION audit_tree_refuse();
CREATE TRIGGER audit_node_no_change BEFORE UPDATE OR DELETE ON audit_node
    FOR EACH ROW EXECUTE FUNCTION audit_tree_refuse();
CREATE TRIGGER audit_node_no_truncate BEFORE TRUNCATE ON audit_node
    FOR EACH STATEMENT EXECUTE FUNCTION audit_tree_refuse();
CREATE TRIGGER audit_checkpoint_no_change BEFORE UPDATE OR DELETE ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION audit_tree_refuse();
CREATE TRIGGER audit_checkpoint_no_truncate BEFORE TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_tree_refuse();
CREATE TRIGGER audit_erasure_no_change BEFORE UPDATE OR DELETE ON audit_erasure
    FOR EACH ROW EXECUTE FUNCTION audit_tree_refuse();
CREATE TRIGGER audit_erasure_no_truncate BEFORE TRUNCATE ON audit_erasure
    FOR EACH STATEMENT EXECUTE FUNCTION audit_tree_refuse();
CREATE TRIGGER audit_cosignature_no_delete BEFORE DELETE ON audit_cosignature
    FOR EACH ROW EXECUTE FUNCTION audit_tree_refuse();

-- What was signed on both sides of an exchange, without bodies: each signature base holds every
-- header that it covers. `side` is asked or answered.
CREATE TABLE exchange_evidence (
    id BIGSERIAL PRIMARY KEY,
    exchange TEXT NOT NULL,
    side TEXT NOT NULL,
    peer TEXT NOT NULL,
    at BIGINT NOT NULL,
    directory BIGINT NOT NULL,
    request_digest TEXT NOT NULL,
    request_base TEXT NOT NULL,
    request_signature BYTEA NOT NULL,
    answer_base TEXT,
    answer_signature BYTEA
);
CREATE INDEX exchange_evidence_exchange ON exchange_evidence (exchange);
CREATE INDEX exchange_evidence_peer ON exchange_evidence (peer, at);
