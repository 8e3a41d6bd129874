-- Who belongs. `entry` is the approvers' statement exactly as signed: the registry cannot make one.
CREATE TABLE member (
    id         TEXT   PRIMARY KEY NOT NULL,
    entry      TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    added_at   BIGINT NOT NULL, -- microseconds UTC, as every time here
    changed_at BIGINT NOT NULL
);

-- A key belongs to one member for ever, also after it has retired.
CREATE TABLE member_key (
    kid       TEXT PRIMARY KEY NOT NULL,
    member_id TEXT NOT NULL REFERENCES member (id)
);

-- What was done to whom, and why.
CREATE TABLE member_change (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    member_id  TEXT   NOT NULL REFERENCES member (id),
    from_state TEXT,
    to_state   TEXT   NOT NULL,
    reason     TEXT   NOT NULL,
    at         BIGINT NOT NULL
);

CREATE TRIGGER member_is_never_removed BEFORE DELETE ON member
BEGIN SELECT RAISE (ABORT, 'a member is never removed: it is revoked or withdrawn'); END;

CREATE TRIGGER member_change_is_never_altered BEFORE UPDATE ON member_change
BEGIN SELECT RAISE (ABORT, 'the history of members is append-only'); END;

CREATE TRIGGER member_change_is_never_removed BEFORE DELETE ON member_change
BEGIN SELECT RAISE (ABORT, 'the history of members is append-only'); END;
