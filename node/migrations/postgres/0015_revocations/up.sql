-- At home: the tokens that ended, as they are told to the hospital that they were for. `sequence`
-- counts the messages to one hospital, without a gap; nothing here is removed, so that every
-- message can be sent again. Written in the transaction of the change itself. `jtis` are separated by
-- spaces; `expires_at` is the last expiry among them; `directive` is none where a link ended.
CREATE TABLE revocation (
    audience TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    jtis TEXT NOT NULL,
    person TEXT NOT NULL,
    directive TEXT,
    ended_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    delivered_at BIGINT,
    PRIMARY KEY (audience, sequence)
);
CREATE INDEX revocation_undelivered ON revocation (audience, sequence) WHERE delivered_at IS NULL;
CREATE INDEX revocation_person ON revocation (person, ended_at);
CREATE INDEX revocation_directive ON revocation (directive) WHERE directive IS NOT NULL;

-- At home: the last number given to a hospital, and when it is tried next.
CREATE TABLE revocation_audience (
    audience TEXT PRIMARY KEY NOT NULL,
    sequence BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    next_try_at BIGINT NOT NULL
);

-- At a responder: the tokens that their issuers said have ended, until none of them can be used.
CREATE TABLE revoked_token (
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL,
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (issuer, jti)
);
CREATE INDEX revoked_token_keep_until ON revoked_token (keep_until);

-- At a responder: up to which number every message of an issuer came.
CREATE TABLE revocation_sender (
    issuer TEXT PRIMARY KEY NOT NULL,
    sequence BIGINT NOT NULL
);
