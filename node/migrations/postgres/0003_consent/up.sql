-- The newest version of each directive: a FHIR Consent. kind 0: home (person), 1: local (patient).
CREATE TABLE directive (
    id TEXT PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    kind SMALLINT NOT NULL,
    person TEXT,
    patient BIGINT,
    status TEXT NOT NULL,
    written_at BIGINT NOT NULL,
    raw TEXT NOT NULL
);
CREATE INDEX directive_person ON directive (person) WHERE person IS NOT NULL;
CREATE INDEX directive_patient ON directive (patient) WHERE patient IS NOT NULL;

-- Every version that ever was; nothing here is changed or removed.
CREATE TABLE directive_version (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    status TEXT NOT NULL,
    written_at BIGINT NOT NULL,
    raw TEXT NOT NULL,
    PRIMARY KEY (id, version)
);
CREATE FUNCTION directive_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'consents are never removed, their versions never changed';
END;
$$;
CREATE TRIGGER directive_version_no_change BEFORE UPDATE OR DELETE ON directive_version
    FOR EACH ROW EXECUTE FUNCTION directive_refuse();
CREATE TRIGGER directive_no_delete BEFORE DELETE ON directive
    FOR EACH ROW EXECUTE FUNCTION directive_refuse();
CREATE TRIGGER directive_version_no_truncate BEFORE TRUNCATE ON directive_version
    FOR EACH STATEMENT EXECUTE FUNCTION directive_refuse();
CREATE TRIGGER directive_no_truncate BEFORE TRUNCATE ON directive
    FOR EACH STATEMENT EXECUTE FUNCTION directive_refuse();

-- A visit code: keyed digest only, and the decision the person made with it (JSON of this room).
CREATE TABLE visit_code (
    digest BYTEA PRIMARY KEY NOT NULL,
    person TEXT NOT NULL,
    requester TEXT NOT NULL,
    decision TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

-- Wrong tries of a requester in the sliding window.
CREATE TABLE code_miss (
    id BIGSERIAL PRIMARY KEY,
    requester TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX code_miss_requester ON code_miss (requester, at);

-- What a redeemed code (or a lasting relationship) lets the requester come back for.
CREATE TABLE care_grant (
    id TEXT PRIMARY KEY NOT NULL,
    directive TEXT NOT NULL,
    person TEXT NOT NULL,
    requester TEXT NOT NULL,
    decision TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Minted tokens: never the token itself. `projection` is what it lets out (scope and rules, JSON),
-- `asked` and `practitioner` the context it was minted in.
CREATE TABLE minted_token (
    jti TEXT PRIMARY KEY NOT NULL,
    doc TEXT NOT NULL,
    grant_id TEXT,
    person TEXT NOT NULL,
    client TEXT NOT NULL,
    audience TEXT NOT NULL,
    purpose TEXT NOT NULL,
    practitioner TEXT,
    asked TEXT NOT NULL,
    projection TEXT NOT NULL,
    status_list INTEGER NOT NULL,
    status_idx INTEGER NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX minted_token_person ON minted_token (person, expires_at);
CREATE INDEX minted_token_ended ON minted_token (status_list, expires_at) WHERE ended_at IS NOT NULL;

-- One slot, one token: taken until the token has expired.
CREATE TABLE status_slot (
    list INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    jti TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (list, idx)
);
