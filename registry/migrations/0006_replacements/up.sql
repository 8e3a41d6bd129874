-- The next entry of a member, while it is in the making or on hold. At most one for each member.
CREATE TABLE member_replacement (
    member_id   TEXT   PRIMARY KEY NOT NULL REFERENCES member (id),
    entry       TEXT   NOT NULL, -- the statement with the signatures that it has so far
    asked_at    BIGINT NOT NULL, -- microseconds UTC
    in_force_at BIGINT           -- from when it counts; null while too few approvers have signed
);
