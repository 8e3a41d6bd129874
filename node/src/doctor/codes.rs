//! Every code that the node's doctor may say, and how bad it is. Programs rely on them: a code is
//! never given another meaning.

federation_service::checkup_codes! {
    CONFIG_UNREADABLE = Problem "config-unreadable";
    CONFIG_UNKNOWN_KEY = Problem "config-unknown-key";
    KEYS_MODE = Problem "keys-mode";
    KEYS_MISSING = Problem "keys-missing";
    KEYS_MALFORMED = Problem "keys-malformed";
    KEYS_CLOSED = Problem "keys-closed";
    KEYS_PLAIN = Warning "keys-plain";
    KEYS_WITHOUT_PASSPHRASE = Warning "keys-without-passphrase";
    RECOVERY_KEY_HERE = Warning "recovery-key-here";
    CERTIFICATE_FILE = Problem "certificate-file";
    CERTIFICATE_KEY_MISMATCH = Problem "certificate-key-mismatch";
    CERTIFICATE_NOT_LISTED = Problem "certificate-not-listed";
    NOT_JOINED = Problem "not-joined";
    DIRECTORY_NONE = Warning "directory-none";
    DIRECTORY_DAMAGED = Problem "directory-damaged";
    DIRECTORY_FUTURE = Problem "directory-from-the-future";
    DIRECTORY_STALE = Warning "directory-stale";
    DIRECTORY_TOO_OLD = Problem "directory-too-old";
    OWN_NOT_ACTIVE = Problem "own-not-active";
    OWN_MAINTENANCE = Warning "own-maintenance";
    ENDPOINT_DIFFERS = Problem "endpoint-differs";
    KEYS_NOT_LISTED = Problem "keys-not-listed";
    KEYS_NOT_HERE = Problem "keys-not-here";
    KEY_ENDED = Problem "key-ended";
    KEY_SOON = Warning "key-ends-soon";
    DATABASE_CLOSED = Problem "database-closed";
    DATABASE_NEWER = Problem "database-newer";
    DATABASE_OLDER = Warning "database-older";
    DATABASE_HALF_RESTORED = Problem "database-half-restored";
    DATABASE_UNSOUND = Problem "database-unsound";
    DATABASE_CHECK_UNFINISHED = Warning "database-check-unfinished";
    DISK_FULL = Problem "disk-full";
    DISK_LOW = Warning "disk-low";
    BACKUP_NONE = Warning "backup-none";
    BACKUP_OLD = Warning "backup-old";
    REGISTRY_SILENT = Problem "registry-silent";
    CERTIFICATE_OTHER = Problem "certificate-other";
    ROOT_OTHER = Problem "root-other";
    ROOT_SOON = Warning "root-ends-soon";
    REGISTRY_REFUSED = Problem "registry-refused";
    REGISTRY_CLOCK_AHEAD = Problem "registry-clock-ahead";
    REGISTRY_STATUS_OLD = Warning "registry-status-old";
    DIRECTORY_BEHIND = Warning "directory-behind";
    NODE_NOT_RUNNING = Warning "node-not-running";
    ECHO_SILENT = Problem "echo-silent";
    ECHO_REFUSED = Problem "echo-refused";
    ECHO_TIME_REFUSED = Problem "echo-time-refused";
    ECHO_UNVERIFIED = Problem "echo-unverified";
    ECHO_UNUSABLE = Problem "echo-unusable";
    PEER_UNKNOWN = Problem "peer-unknown";
    PEER_NOT_TAKING_PART = Warning "peer-not-taking-part";
    PEER_VERSION = Problem "peer-version";
    PEER_RATE_LIMITED = Warning "peer-rate-limited";
}
