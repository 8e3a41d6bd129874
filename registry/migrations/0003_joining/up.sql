-- Who was invited. The code itself is known to the invited hospital alone.
CREATE TABLE invitation (
    code_sha256    TEXT   PRIMARY KEY NOT NULL,
    member_id      TEXT   NOT NULL,
    name           TEXT   NOT NULL, -- the operator's note
    made_at        BIGINT NOT NULL, -- microseconds UTC, as every time here
    ends_at        BIGINT NOT NULL,
    application_id TEXT             -- who came with it first; nobody else may come with it again
);

-- Who wants to join, and how that stands. `description` is the applicant's own signed word,
-- `statement` the entry in the making, `report` what the last probe found.
CREATE TABLE application (
    id          TEXT   PRIMARY KEY NOT NULL,
    member_id   TEXT   NOT NULL,
    description TEXT   NOT NULL,
    contact     TEXT   NOT NULL, -- JSON
    state       TEXT   NOT NULL CHECK (state IN ('applied', 'returned', 'rejected', 'approved')),
    reason      TEXT   NOT NULL,
    applied_at  BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    statement   TEXT,
    report      TEXT             -- JSON
);

-- What was done with an application, and why.
CREATE TABLE application_change (
    id             INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    application_id TEXT   NOT NULL REFERENCES application (id),
    to_state       TEXT   NOT NULL,
    reason         TEXT   NOT NULL,
    at             BIGINT NOT NULL
);

CREATE TRIGGER application_change_is_never_altered BEFORE UPDATE ON application_change
BEGIN SELECT RAISE (ABORT, 'the history of applications is append-only'); END;

CREATE TRIGGER application_change_is_never_removed BEFORE DELETE ON application_change
BEGIN SELECT RAISE (ABORT, 'the history of applications is append-only'); END;

CREATE TRIGGER application_stays_decided BEFORE UPDATE OF state ON application
WHEN OLD.state IN ('rejected', 'approved') AND NEW.state <> OLD.state
BEGIN SELECT RAISE (ABORT, 'a decided application stays decided'); END;
