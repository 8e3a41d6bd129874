-- Signed requests that were accepted: none passes twice while its signature lives.
CREATE TABLE federation_nonce (
    keyid TEXT NOT NULL,
    nonce TEXT NOT NULL,
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (keyid, nonce)
);
CREATE INDEX federation_nonce_keep_until ON federation_nonce (keep_until);

-- Grants that this node's physicians redeemed elsewhere. The id is this node's own; home_grant is
-- what the home node calls it.
CREATE TABLE held_grant (
    id TEXT PRIMARY KEY NOT NULL,
    home TEXT NOT NULL,
    home_grant TEXT NOT NULL,
    purpose TEXT NOT NULL,
    practitioner TEXT NOT NULL,
    role TEXT NOT NULL,
    categories TEXT NOT NULL,
    patient TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX held_grant_practitioner ON held_grant (practitioner, created_at);

CREATE TABLE held_token (
    held_grant TEXT NOT NULL REFERENCES held_grant (id) ON DELETE CASCADE,
    responder TEXT NOT NULL,
    token TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (held_grant, responder)
);

-- What was asked of whom and how it ended, signed by this node.
CREATE TABLE manifest (
    id TEXT PRIMARY KEY NOT NULL,
    held_grant TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    jws TEXT NOT NULL
);
