-- What members said about their own keys, exactly as signed: rotations and revocations, each on one
-- entry. They count with that entry and fall with it.
CREATE TABLE key_change (
    member_id    TEXT   NOT NULL REFERENCES member (id),
    entry_sha256 TEXT   NOT NULL, -- the payload of the entry that it stands on
    number       BIGINT NOT NULL,
    statement    TEXT   NOT NULL,
    at           BIGINT NOT NULL, -- microseconds UTC, as every time here
    PRIMARY KEY (member_id, entry_sha256, number)
);

-- Keys that count no more, by the word of their member or of an operator.
CREATE TABLE revoked_key (
    kid       TEXT   PRIMARY KEY NOT NULL,
    member_id TEXT   NOT NULL REFERENCES member (id),
    reason    TEXT   NOT NULL,
    at        BIGINT NOT NULL
);

CREATE TRIGGER key_change_is_never_altered BEFORE UPDATE ON key_change
BEGIN SELECT RAISE (ABORT, 'what members said about their keys is append-only'); END;

CREATE TRIGGER key_change_is_never_removed BEFORE DELETE ON key_change
BEGIN SELECT RAISE (ABORT, 'what members said about their keys is append-only'); END;

CREATE TRIGGER revoked_key_is_never_altered BEFORE UPDATE ON revoked_key
BEGIN SELECT RAISE (ABORT, 'a revoked key stays revoked'); END;

CREATE TRIGGER revoked_key_is_never_removed BEFORE DELETE ON revoked_key
BEGIN SELECT RAISE (ABORT, 'a revoked key stays revoked'); END;
