-- Resources that were referred to before they were written: `target` is the number that references
-- hold, `rid` the one that they were given with their first write, by which rows of one date are
-- shown. Of all others the two are the same, and there is no row.
CREATE TABLE resource_target (
    target INTEGER PRIMARY KEY NOT NULL,
    rid BIGINT NOT NULL UNIQUE
);
