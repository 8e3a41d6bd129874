-- A physician reads what they opened themselves, the newest first.
CREATE INDEX audit_line_actor ON audit_line (actor_id, seq) WHERE actor_id IS NOT NULL;
