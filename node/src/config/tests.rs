#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use super::*;

const WHOLE: &str = r#"
[organization]
code = "0110000001"
name = "港病院"
name_kana = "ミナトビョウイン"

[state]
dir = "state"

[registry]
url = "https://127.0.0.1:9443"
root_sha256 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

[federation]
bind = "127.0.0.1:0"
endpoint = "https://127.0.0.1:8443"
allow_cidrs = ["127.0.0.0/8", "::1/128"]
peer_timeout = "2s"

[hospital]
bind = "127.0.0.1:0"

[patient]
bind = "127.0.0.1:0"
"#;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.toml");
    std::fs::write(&file, text).unwrap();
    std::fs::write(
        folder.path().join("secret"),
        "postgres://musubi:pw@db/musubi\n",
    )
    .unwrap();
    let environment = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Config::load_with(&file, environment)
}

fn complaint(text: &str, environment: &[(&str, &str)]) -> String {
    let error = load(text, environment).unwrap_err();
    assert_eq!(error.exit_code(), 78);
    assert!(!error.next().is_empty());
    let text = error.to_string();
    match text.split_once("node.toml") {
        Some((_, rest)) => format!("node.toml{rest}"),
        None => text,
    }
}

#[test]
fn a_whole_file_is_read_with_defaults_for_the_rest() {
    let config = load(WHOLE, &[]).unwrap();
    assert_eq!(config.member_urn(), "urn:musubi:member:0110000001");
    assert!(config.federation.allow_cidrs[1].contains("::1".parse().unwrap()));
    assert!(complaint(&WHOLE.replace("::1/128", "::1/129"), &[]).contains("allow_cidrs"));
    assert_eq!(config.federation.peer_timeout, Duration::from_secs(2));
    assert_eq!(config.federation.query_timeout, Duration::from_secs(10));
    assert_eq!(
        config.federation.empty_answer_step,
        Duration::from_millis(20)
    );
    assert!(config.database.as_str().ends_with("state/node.db"));
    assert!(
        config
            .federation
            .tls
            .certificate
            .ends_with("state/tls/federation.crt")
    );
    assert!(config.metrics.is_none());
}

#[test]
fn days_are_compared_unless_a_word_says_otherwise() {
    assert!(load(WHOLE, &[]).unwrap().federation.reconcile);
    let with = |word: &str| {
        let line = format!("[federation]\nreconcile = \"{word}\"");
        WHOLE.replace("[federation]", &line)
    };
    assert!(load(&with("daily"), &[]).unwrap().federation.reconcile);
    assert!(!load(&with("off"), &[]).unwrap().federation.reconcile);
    assert!(complaint(&with("no"), &[]).contains("federation.reconcile"));
}

#[test]
fn what_the_records_are_held_against_is_chosen_by_a_word() {
    let chosen = |section: &str| load(&format!("{WHOLE}\n[records]\n{section}\n"), &[]);
    let default = load(WHOLE, &[]).unwrap().records;
    assert_eq!(default.validation, Validation::Warn);
    assert!(default.profiles.ends_with("state/profiles"));
    for word in [Validation::Strict, Validation::Warn, Validation::Off] {
        let config = chosen(&format!("validation = \"{}\"", word.as_str())).unwrap();
        assert_eq!(config.records.validation, word);
    }
    let text = format!("{WHOLE}\n[records]\nvalidation = \"yes\"\n");
    assert_eq!(
        complaint(&text, &[]),
        "node.toml: `records.validation`: `yes` is none of: strict, warn, off"
    );
    let text = format!("{WHOLE}\n[records]\nvalidaton = \"off\"\n");
    assert!(complaint(&text, &[]).ends_with("did you mean `records.validation`?"));
    let moved = chosen("profiles = \"packages\"").unwrap().records.profiles;
    assert!(moved.ends_with("packages") && moved.is_absolute());
}

#[test]
fn the_environment_lies_over_the_file() {
    let config = load(
        WHOLE,
        &[
            ("MUSUBI_NODE_ORGANIZATION__CODE", "0110000009"),
            (
                "MUSUBI_NODE_FEDERATION__ALLOW_CIDRS",
                "10.0.0.0/8, 192.168.0.0/16",
            ),
            ("MUSUBI_NODE_CONFIG", "/etc/musubi-node/node.toml"),
            ("MUSUBI_NODE_TOKEN_FILE", "/home/dr-1/token"),
            ("UNRELATED", "1"),
        ],
    )
    .unwrap();
    assert_eq!(config.organization.code.as_str(), "0110000009");
    assert_eq!(config.federation.allow_cidrs.len(), 2);
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    let text = WHOLE.replace("peer_timeout", "peer_timout");
    assert_eq!(
        complaint(&text, &[]),
        "node.toml: unknown key `federation.peer_timout`, did you mean `federation.peer_timeout`?"
    );
    assert_eq!(
        complaint(WHOLE, &[("MUSUBI_NODE_FEDERATION_BIND", "0.0.0.0:1")]),
        "the environment: unknown key `federation_bind`, did you mean `federation.bind`?"
    );
    let text = format!("{WHOLE}\n[zzzzzz]\nqqqqqqqqqq = 1\n");
    assert_eq!(
        complaint(&text, &[]),
        "node.toml: unknown key `zzzzzz.qqqqqqqqqq`"
    );
}

#[test]
fn what_is_wrong_names_its_key_and_its_file() {
    let text = WHOLE.replace("\"2s\"", "2");
    assert!(
        complaint(&text, &[]).starts_with("node.toml: `federation.peer_timeout`: `2` needs a unit")
    );
    let text = WHOLE.replace("https://127.0.0.1:8443", "http://127.0.0.1:8443");
    assert!(complaint(&text, &[]).contains("`federation.endpoint`: `http` is refused"));
    let text = WHOLE.replace("name = \"港病院\"", "");
    assert_eq!(
        complaint(&text, &[]),
        "node.toml: missing key `organization.name`: the institution's name"
    );
    let phone = complaint(WHOLE, &[("MUSUBI_NODE_ORGANIZATION__PHONE", "内線 12")]);
    assert!(
        phone.contains("`organization.phone`: 3 to 15 digits"),
        "{phone}"
    );
    assert!(complaint("[organization", &[]).contains("not TOML"));
    let missing = Config::load_with(Path::new("/nowhere/node.toml"), BTreeMap::new());
    assert!(matches!(missing, Err(ConfigError::Unreadable { .. })));
    let from_environment = complaint(WHOLE, &[("MUSUBI_NODE_HOSPITAL__BIND", "nonsense")]);
    assert!(from_environment.starts_with("the environment: `hospital.bind`"));
}

#[test]
fn plain_http_is_possible_on_loopback_only() {
    for section in ["hospital", "patient"] {
        let open = format!("[{section}]\nbind = \"0.0.0.0:8080\"");
        let text = WHOLE.replace(&format!("[{section}]\nbind = \"127.0.0.1:0\""), &open);
        assert!(complaint(&text, &[]).contains("is reachable from other machines"));
        let with_tls =
            format!("{open}\ntls_certificate_file = \"a.pem\"\ntls_key_file = \"b.pem\"");
        assert!(load(&text.replace(&open, &with_tls), &[]).is_ok());
        let half = format!("{open}\ntls_certificate_file = \"a.pem\"");
        assert!(complaint(&text.replace(&open, &half), &[]).contains("beside it"));
    }
    assert!(
        complaint(WHOLE, &[("MUSUBI_NODE_METRICS__BIND", "0.0.0.0:1")]).contains("metrics.bind")
    );
}

#[test]
fn a_secret_comes_from_a_file_and_is_never_shown() {
    let text = format!("{WHOLE}\n[database]\nurl_file = \"secret\"\n");
    let config = load(&text, &[]).unwrap();
    assert_eq!(config.database.as_str(), "postgres://musubi:pw@db/musubi");
    assert!(!format!("{config:?}").contains("pw"));
    let both = [("MUSUBI_NODE_DATABASE__URL", "sqlite:x.db")];
    assert!(complaint(&text, &both).contains("keep one of them"));
    assert!(
        complaint(WHOLE, &[("MUSUBI_NODE_DATABASE__URL", "mysql://x")]).contains("database.url")
    );
}

#[test]
fn backups_gather_beside_the_database_unless_told_otherwise() {
    let folder_of = |extra: &str| {
        let config = load(&format!("{WHOLE}{extra}"), &[]).unwrap();
        let state = config.state_dir.clone();
        let folder = config.backup.folder.clone();
        let below = folder.strip_prefix(state.parent().unwrap()).unwrap();
        (below.to_str().unwrap().to_owned(), config.backup)
    };
    let (folder, settings) = folder_of("");
    assert_eq!(folder, "state/backups");
    assert_eq!((settings.keep, settings.keep_before_change), (14, 3));
    assert_eq!(
        folder_of("[database]\nurl = \"sqlite:big/node.db\"\n").0,
        "big/backups"
    );
    assert_eq!(
        folder_of("[database]\nurl = \"postgres://db/m\"\n").0,
        "state/backups"
    );
    let (folder, settings) =
        folder_of("[backup]\ndir = \"nas\"\nkeep = 2\nkeep_before_change = 0\n");
    assert_eq!(folder, "nas");
    assert_eq!((settings.keep, settings.keep_before_change), (2, 0));
    let none_kept = complaint(&format!("{WHOLE}[backup]\nkeep = 0\n"), &[]);
    assert!(none_kept.contains("backup.keep"), "{none_kept}");
}

#[test]
fn exports_have_bounds_and_a_folder_beside_the_database() {
    let export = load(WHOLE, &[]).unwrap().export;
    assert!(export.folder.ends_with("state/exports"));
    assert_eq!((export.jobs, export.max_disk), (2, 20 << 30));
    assert_eq!(export.keep, Duration::from_secs(86_400));
    let with = |line: &str| format!("{WHOLE}\n[export]\n{line}\n");
    let told = load(&with("dir = \"bulk\"\nmax_disk = \"3GiB\"\njobs = 1"), &[]);
    let told = told.unwrap().export;
    assert!(told.folder.ends_with("bulk"));
    assert_eq!((told.jobs, told.max_disk), (1, 3 << 30));
    assert!(complaint(&with("jobs = 0"), &[]).contains("export.jobs"));
    assert!(complaint(&with("max_disc = \"1GiB\""), &[]).contains("export.max_disk"));
}

#[test]
fn uploads_have_bounds_and_a_folder_in_the_state() {
    let vitals = load(WHOLE, &[]).unwrap().vitals;
    assert!(vitals.folder.ends_with("state/vitals"));
    assert_eq!((vitals.max_upload, vitals.max_disk), (500 << 20, 10 << 30));
    let with = |line: &str| format!("{WHOLE}\n[vitals]\n{line}\n");
    let told = load(&with("max_upload = \"1GiB\""), &[]).unwrap().vitals;
    assert_eq!(told.max_upload, 1 << 30);
    let small = complaint(&with("max_disk = \"2MiB\""), &[]);
    assert!(small.contains("vitals.max_disk"), "{small}");
    assert!(complaint(&with("max_upload = \"9\""), &[]).contains("vitals.max_upload"));
}

#[test]
fn a_passphrase_comes_from_a_file_or_the_environment_and_never_from_the_settings() {
    let word = "a passphrase of this test";
    let variable = ("MUSUBI_NODE_KEYS__PASSPHRASE", word);
    let source = |text: &str, environment: &[(&str, &str)]| {
        let config = load(text, environment).unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains(word), "nothing shows it");
        format!("{:?}", config.passphrase)
    };
    assert_eq!(source(WHOLE, &[]), "none");
    assert_eq!(source(WHOLE, &[variable]), "environment");
    let file = format!("{WHOLE}\n[keys]\npassphrase_file = \"word\"\n");
    let beside = source(&file, &[]);
    assert!(
        beside.starts_with("file ") && beside.ends_with("/word"),
        "{beside}"
    );
    let lent = format!("{WHOLE}\n[keys]\npassphrase_file = \"$CREDENTIALS_DIRECTORY/word\"\n");
    let manager = ("CREDENTIALS_DIRECTORY", "/run/lent");
    assert_eq!(source(&lent, &[manager]), "credential /run/lent/word");

    assert!(complaint(&lent, &[]).contains("LoadCredential="));
    assert!(complaint(&file, &[variable]).contains("keep one of them"));
    let short = [("MUSUBI_NODE_KEYS__PASSPHRASE", "fifteen letters")];
    assert!(complaint(WHOLE, &short).contains("at least 16 characters"));
    let plain = format!("{WHOLE}\n[keys]\npassphrase = \"{word}\"\n");
    let said = complaint(&plain, &[]);
    assert!(
        said.contains("keys.passphrase_file") && !said.contains(word),
        "{said}"
    );
}

#[test]
fn the_next_certificate_lies_beside_the_present_one() {
    let files = |certificate: &str, key: &str| TlsFiles {
        certificate: certificate.into(),
        key: key.into(),
    };
    assert_eq!(
        files("/x/tls/federation.crt", "/x/tls/federation.key").next(),
        files("/x/tls/federation.next.crt", "/x/tls/federation.next.key")
    );
    assert_eq!(
        files("fullchain", "a.b.pem").next(),
        files("fullchain.next", "a.b.next.pem")
    );
}

#[test]
fn a_house_answers_emergencies_and_asks_in_none_unless_it_says_so() {
    let emergency = load(WHOLE, &[]).unwrap().emergency;
    assert!(emergency.answers && !emergency.asks);
    let with = |line: &str| format!("{WHOLE}\n[emergency]\n{line}\n");
    let other = load(&with("ask = \"on\"\nanswer = \"off\""), &[]).unwrap();
    assert!(other.emergency.asks && !other.emergency.answers);
    assert!(complaint(&with("ask = \"yes\""), &[]).contains("emergency.ask"));
}
