-- The audit's Merkle tree (RFC 9162), its signed checkpoints, and evidence of exchanges.
--
-- `commitment` is SHA-256 over `salt` and the line's canonical text, made when the line is appended.
-- It stays when the line is erased at the end of retention, so the tree stays what it was. Lines of
-- earlier programs have neither; they are sealed when they are put into the tree.
ALTER TABLE audit_line ADD COLUMN salt BLOB;
ALTER TABLE audit_line ADD COLUMN commitment BLOB;

-- Which line is which leaf. Numbers of lines have gaps, places in the tree have none. Made by one
-- program at a time: two of one place cannot be.
CREATE TABLE audit_leaf (
    place BIGINT PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL UNIQUE,
    hash BLOB NOT NULL
);
-- Hashes of complete subtrees at every fourth level above the leaves.
CREATE TABLE audit_node (
    level INTEGER NOT NULL,
    place BIGINT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (level, place)
) WITHOUT ROWID;
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

DROP TRIGGER audit_line_no_update;
CREATE TRIGGER audit_line_no_update BEFORE UPDATE ON audit_line
WHEN NOT (
    NEW.seq IS OLD.seq AND NEW.at IS OLD.at AND (
        (
            OLD.commitment IS NULL AND NEW.commitment IS NOT NULL AND NEW.salt IS NOT NULL
            AND NEW.kind IS OLD.kind AND NEW.exchange IS OLD.exchange AND NEW.peer IS OLD.peer
            AND NEW.actor_role IS OLD.actor_role AND NEW.actor_id IS OLD.actor_id
            AND NEW.purpose IS OLD.purpose AND NEW.patient IS OLD.patient
            AND NEW.person IS OLD.person AND NEW.outcome IS OLD.outcome
            AND NEW.shown IS OLD.shown AND NEW.withheld IS OLD.withheld
            AND NEW.detail IS OLD.detail
        ) OR (
            OLD.commitment IS NOT NULL AND NEW.commitment IS OLD.commitment
            AND NEW.kind = 'erased' AND NEW.actor_role = '' AND NEW.outcome = ''
            AND NEW.detail = '{}' AND NEW.salt IS NULL AND NEW.exchange IS NULL
            AND NEW.peer IS NULL AND NEW.actor_id IS NULL AND NEW.purpose IS NULL
            AND NEW.patient IS NULL AND NEW.person IS NULL AND NEW.shown IS NULL
            AND NEW.withheld IS NULL
            AND OLD.at < (SELECT max(erased_before) FROM audit_erasure)
        )
    )
)
BEGIN SELECT RAISE(ABORT, 'audit lines are never changed'); END;

CREATE TRIGGER audit_leaf_no_update BEFORE UPDATE ON audit_leaf
BEGIN SELECT RAISE(ABORT, 'the audit tree is never changed'); END;
CREATE TRIGGER audit_leaf_no_delete BEFORE DELETE ON audit_leaf
BEGIN SELECT RAISE(ABORT, 'the audit tree is never cut'); END;
CREATE TRIGGER audit_node_no_update BEFORE UPDATE ON audit_node
BEGIN SELECT RAISE(ABORT, 'the audit tree is never changed'); END;
CREATE TRIGGER audit_node_no_delete BEFORE DELETE ON audit_node
BEGIN SELECT RAISE(ABORT, 'the audit tree is never cut'); END;
CREATE TRIGGER audit_checkpoint_no_update BEFORE UPDATE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'what was signed is never changed'); END;
CREATE TRIGGER audit_checkpoint_no_delete BEFORE DELETE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'what was signed is never removed'); END;
CREATE TRIGGER audit_cosignature_no_delete BEFORE DELETE ON audit_cosignature
BEGIN SELECT RAISE(ABORT, 'what was signed is never removed'); END;
CREATE TRIGGER audit_erasure_no_update BEFORE UPDATE ON audit_erasure
BEGIN SELECT RAISE(ABORT, 'erasures are never changed'); END;
CREATE TRIGGER audit_erasure_no_delete BEFORE DELETE ON audit_erasure
BEGIN SELECT RAISE(ABORT, 'erasures are never removed'); END;

-- What was signed on both sides of an exchange, without bodies: each signature base holds every
-- header that it covers. `side` is asked or answered.
CREATE TABLE exchange_evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    exchange TEXT NOT NULL,
    side TEXT NOT NULL,
    peer TEXT NOT NULL,
    at BIGINT NOT NULL,
    directory BIGINT NOT NULL,
    request_digest TEXT NOT NULL,
    request_base TEXT NOT NULL,
    request_signature BLOB NOT NULL,
    answer_base TEXT,
    answer_signature BLOB
);
CREATE INDEX exchange_evidence_exchange ON exchange_evidence (exchange);
CREATE INDEX exchange_evidence_peer ON exchange_evidence (peer, at);
