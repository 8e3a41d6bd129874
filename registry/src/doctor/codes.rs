//! Every code that the registry's doctor may say, and how bad it is. Programs rely on them.

federation_service::checkup_codes! {
    CONFIG_UNREADABLE = Problem "config-unreadable";
    CONFIG_UNKNOWN_KEY = Problem "config-unknown-key";
    DATABASE_CLOSED = Problem "database-closed";
    DATABASE_NEWER = Problem "database-newer";
    DATABASE_OLDER = Warning "database-older";
    DATABASE_UNSOUND = Problem "database-unsound";
    DISK_FULL = Problem "disk-full";
    DISK_LOW = Warning "disk-low";
    KEYS_MODE = Problem "keys-mode";
    KEYS_PLAIN = Warning "keys-plain";
    KEY_UNUSABLE = Problem "online-key-unusable";
    KEY_NOT_DELEGATED = Problem "online-key-not-delegated";
    ROOT_MISSING = Problem "root-missing";
    ROOT_ENDED = Problem "root-ended";
    ROOT_SOON = Warning "root-ends-soon";
    CERTIFICATE_FILE = Problem "certificate-file";
    CERTIFICATE_KEY_MISMATCH = Problem "certificate-key-mismatch";
    CERTIFICATE_NOT_IN_ROOT = Problem "certificate-not-in-root";
    NOTHING_ISSUED = Problem "nothing-issued";
    STATUS_NOT_REMADE = Problem "status-not-remade";
    DIRECTORY_ENDED = Problem "directory-ended";
    CLOCK_BEHIND_LEDGER = Problem "clock-behind-ledger";
    REGISTRY_NOT_RUNNING = Warning "registry-not-running";
    REPLACEMENT_HELD = Warning "replacement-held";
    NO_MEMBERS = Warning "no-members";
}
