-- Everything this registry has signed. A row is committed before its document is shown to anyone,
-- and a `seq` once taken is taken for ever: the triggers hold against every program that writes
-- here, not only against ours.
CREATE TABLE issue (
    kind           TEXT   NOT NULL CHECK (kind IN ('root', 'directory', 'status')),
    seq            BIGINT NOT NULL CHECK (seq >= 1),
    payload_sha256 TEXT   NOT NULL, -- base64url, of the payload's exact bytes
    document       TEXT   NOT NULL, -- as signed and as served
    issued_at      BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    PRIMARY KEY (kind, seq)
) WITHOUT ROWID;

CREATE TRIGGER issue_takes_the_next_seq BEFORE INSERT ON issue
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM issue WHERE kind = NEW.kind)
BEGIN SELECT RAISE (ABORT, 'seq is not the next one of its kind'); END;

CREATE TRIGGER issue_is_never_altered BEFORE UPDATE ON issue
BEGIN SELECT RAISE (ABORT, 'what was signed is never altered'); END;

-- A status lives ten minutes and one is made each minute: old ones may go, the newest never,
-- because the next `seq` is counted from it.
CREATE TRIGGER issue_is_kept BEFORE DELETE ON issue
WHEN OLD.kind <> 'status' OR OLD.seq = (SELECT max(seq) FROM issue WHERE kind = 'status')
BEGIN SELECT RAISE (ABORT, 'what was signed is kept'); END;
