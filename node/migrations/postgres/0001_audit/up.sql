-- Who asked for what, who decided, what left the house: identifiers only, never clinical content.
-- Append-only: the triggers refuse every change, whoever holds the connection.
CREATE TABLE audit_line (
    seq BIGSERIAL PRIMARY KEY,
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

CREATE FUNCTION audit_line_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit lines are never changed or removed';
END;
$$;
CREATE TRIGGER audit_line_no_change BEFORE UPDATE OR DELETE ON audit_line
    FOR EACH ROW EXECUTE FUNCTION audit_line_refuse();
CREATE TRIGGER audit_line_no_truncate BEFORE TRUNCATE ON audit_line
    FOR EACH STATEMENT EXECUTE FUNCTION audit_line_refuse();
