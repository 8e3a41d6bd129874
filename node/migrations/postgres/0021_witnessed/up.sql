-- Where the audit logs of other members were when this node cosigned them last. A log only grows: a
-- smaller size is refused here too, whatever the program says.
CREATE TABLE witnessed_log (
    origin TEXT PRIMARY KEY NOT NULL,
    size BIGINT NOT NULL CHECK (size >= 0),
    root TEXT NOT NULL,
    cosigned_at BIGINT NOT NULL
);
CREATE FUNCTION witnessed_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.origin <> OLD.origin OR NEW.size < OLD.size
        OR (NEW.size = OLD.size AND NEW.root <> OLD.root)
    THEN
        RAISE EXCEPTION 'a log that was cosigned only grows';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER witnessed_log_only_grows BEFORE UPDATE ON witnessed_log
    FOR EACH ROW EXECUTE FUNCTION witnessed_log_refuse();
