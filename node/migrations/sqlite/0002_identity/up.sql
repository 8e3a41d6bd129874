-- Bearer tokens: only their SHA-256. `subject` is a staff, system or person id by role;
-- `patient` is the person's own chart here (resource rid), for role person only.
CREATE TABLE access_token (
    id TEXT PRIMARY KEY NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    subject TEXT,
    patient BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
