-- Who asked for what, who decided, what left the house: identifiers only, never clinical content.
-- Append-only: the triggers refuse every change, whoever holds the connection.
CREATE TABLE audit_line (
    seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    exchange TEXT,
    peer TEXT,
    actor_role TEXT NOT NULL,
    actor_id TEXT,
    purpose TEXT,
    patient BIGINT,
    person TEXT,
    outcome TEXT NOT NULL,
    shown BIGINT,
    withheld BIGINT,
    detail TEXT NOT NULL
);
CREATE INDEX audit_line_exchange ON audit_line (exchange) WHERE exchange IS NOT NULL;
CREATE INDEX audit_line_patient ON audit_line (patient, seq) WHERE patient IS NOT NULL;
CREATE INDEX audit_line_person ON audit_line (person, seq) WHERE person IS NOT NULL;

CREATE TRIGGER audit_line_no_update BEFORE UPDATE ON audit_line
BEGIN SELECT RAISE(ABORT, 'audit lines are never changed'); END;
CREATE TRIGGER audit_line_no_delete BEFORE DELETE ON audit_line
BEGIN SELECT RAISE(ABORT, 'audit lines are never removed'); END;
