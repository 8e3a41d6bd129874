//! Databases as every earlier program left them, opened by this one.

use super::super::super::{Company, migrations};
use super::*;

/// Rows as the program wrote that knew the migration of this number, in the tables it brought.
/// `'…'` is read as text or bytes, as the column has it.
const ROWS: &[(&str, &str)] = &[
    (
        "0001",
        "INSERT INTO audit_line (at, kind, actor_role, outcome, detail) \
         VALUES (5, 'read', 'physician', 'ok', '{}')",
    ),
    (
        "0002",
        "INSERT INTO access_token (id, digest, role, created_at, expires_at) \
         VALUES ('t', 'd', 'system', 5, 6)",
    ),
    (
        "0003",
        "INSERT INTO directive VALUES ('d', 1, 0, 'hana', NULL, 'active', 5, '{}'); \
         INSERT INTO directive_version VALUES ('d', 1, 'active', 5, '{}')",
    ),
    (
        "0004",
        "INSERT INTO resource_version VALUES (1, 1, 1, 1, 5, FALSE, '{}'); \
         UPDATE records_counter SET rid = 1",
    ),
    (
        "0005",
        "INSERT INTO person VALUES ('hana', 1, 'p', 5, NULL)",
    ),
    ("0006", "INSERT INTO federation_nonce VALUES ('k', 'n', 5)"),
    ("0007", "UPDATE records_counter SET rid = 1"),
    (
        "0008",
        "INSERT INTO ix_quantity VALUES (1, 5, 5, 0, 0, 0, 1, 5, 1)",
    ),
    (
        "0009",
        "INSERT INTO export_job VALUES ('j', 'system', 'his', 'Patient', '{}', 'https://x', 1, 5, \
         5, 'running', 'Patient', '', NULL, NULL); \
         INSERT INTO export_file VALUES ('j', 'output', 'Patient', 1, 1, 9); \
         INSERT INTO export_reference VALUES ('j', 'Practitioner', 'p', FALSE)",
    ),
    ("0010", "INSERT INTO restored VALUES (1, 5, 'digest', TRUE)"),
    (
        "0011",
        "INSERT INTO own_parameter VALUES (-1, 6, 'ward', 'w', '{}', 'ready', 5)",
    ),
    (
        "0012",
        "INSERT INTO import_quarantine VALUES ('a.ndjson', 'line 1', 'not JSON', '', 5)",
    ),
    ("0013", "INSERT INTO resource_target VALUES (1, 2)"),
    (
        "0014",
        "INSERT INTO audit_leaf VALUES (0, 1, 'hash'); \
         INSERT INTO audit_checkpoint VALUES (1, 5, 'note')",
    ),
    (
        "0015",
        "INSERT INTO revocation VALUES ('y', 1, 'jti', 'hana', NULL, 5, 6, NULL); \
         INSERT INTO revocation_audience VALUES ('y', 1, 0, 5); \
         INSERT INTO revoked_token VALUES ('y', 'jti', 5); \
         INSERT INTO revocation_sender VALUES ('y', 1)",
    ),
    (
        "0016",
        "INSERT INTO link VALUES ('pp:x', 1, 'p', 'y', 'key', 5, NULL, 6)",
    ),
    (
        "0019",
        "INSERT INTO second_factor VALUES ('dr-1', 'salt', 5, 0, NULL, 0, 0, 0); \
         INSERT INTO emergency_count VALUES ('member', 'm', '2026-07-01', 1); \
         INSERT INTO emergency_access VALUES ('a', 'asked', 5, 'm', 'dr-1', 'other', 'why', NULL, \
         0, NULL, NULL, NULL); \
         INSERT INTO emergency_notice_owed VALUES ('a', 'pp:x', 'y', 0, 5, NULL); \
         INSERT INTO emergency_notice VALUES ('m', 'a', 'hana', 'x', 'dr-1', 'other', 'why', 5, 0, 5)",
    ),
    (
        "0020",
        "INSERT INTO link_offer (id, spoken, scanned, patient, patient_id, facts, shown, created_at, \
         expires_at) VALUES ('o', 'a', 'b', 1, 'p', '1958 female', 'chart_number', 5, 6); \
         INSERT INTO link_claim VALUES ('c', 'hana', 'y', 'd', 'key', NULL, 5, 6, 'linked'); \
         INSERT INTO link_miss (who, at) VALUES ('y', 5)",
    ),
    (
        "0021",
        "INSERT INTO witnessed_log VALUES ('urn:x', 5, 'root', 5)",
    ),
    (
        "0026",
        "INSERT INTO audit_line (at, kind, actor_role, actor_id, outcome, detail) \
         VALUES (6, 'read', 'physician', 'dr-1', 'ok', '{}')",
    ),
    (
        "0024",
        "INSERT INTO open_code VALUES ('c', 's', 'q', 'hana', 'Patient/p', 5, 6, NULL); \
         INSERT INTO pending_request VALUES ('r', 'c', 'hana', 'Patient/p', 'y', 'dr-1', \
         'physician', NULL, 'TREAT', 'lab', 5, 6, NULL, NULL); \
         INSERT INTO asked_grant VALUES ('a', 'm', 'r', 'TREAT', 'dr-1', 'physician', 'lab', NULL, \
         'dr-1', 5, 6, NULL)",
    ),
    (
        "0025",
        "INSERT INTO paper_sheet VALUES ('s', 'hana', 'Patient/p', 'y', 5, 6, NULL); \
         INSERT INTO paper_code (id, sheet, person, digest) VALUES ('c', 's', 'hana', 'd'); \
         INSERT INTO access_report VALUES ('hana', 'y', 5, 'unreachable', NULL, NULL)",
    ),
    (
        "0028",
        "INSERT INTO vital_person VALUES (1, 'k'); \
         INSERT INTO vital_upload VALUES ('u', 'hana', 1, 'saved', 5, 5, 6, NULL, NULL, NULL, 1, 0, 0); \
         INSERT INTO vital_brought VALUES ('u', 'vital-1'); \
         INSERT INTO vital_token VALUES ('t', 'd', 'hana', 1, 'iPhone', 5, NULL, NULL)",
    ),
    (
        "0032",
        "INSERT INTO import_file VALUES ('1', 'stem', 'folder', 5, NULL, 'unit', 0, '5', '2'); \
         INSERT INTO import_unlisted VALUES ('a.ndjson', 5)",
    ),
    (
        "0033",
        "INSERT INTO resource_version VALUES (1, 2, 1, 2, 5, FALSE, '{}', NULL)",
    ),
    (
        "0022",
        "INSERT INTO staff VALUES ('dr-1', 'h', 'physician', 'Sato', 5, NULL); \
         INSERT INTO session VALUES ('s', 'd', 'staff:dr-1', 'physician', NULL, 'passkey', 5, 5, 9, \
         NULL, 5, NULL, NULL); \
         INSERT INTO passkey VALUES ('p', 'c', 'staff:dr-1', NULL, 'phone', '{}', 5, NULL); \
         INSERT INTO setup_link VALUES ('l', 'd', 'dr-1', 5, 6, NULL, NULL); \
         INSERT INTO ceremony VALUES ('d', 'login', '{}', 6); \
         INSERT INTO enrolment_code VALUES ('d', 'b', 'hana', 1, 5, 6, NULL, NULL); \
         INSERT INTO entry_miss (who, at) VALUES ('w', 5); \
         INSERT INTO system_key VALUES ('k', 'ehr', 'EdDSA', 'key', 5, NULL); \
         INSERT INTO opened_link VALUES ('k', 'jti', 6)",
    ),
];

fn before_change(folder: &Path, second: i64, keep: usize) -> BeforeChange {
    BeforeChange {
        folder: Folder::at(folder.join("backups")),
        keep,
        occasion: occasion(second),
    }
}

fn backups(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder.join("backups"));
    let files = listed
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path());
    let mut backups: Vec<_> = files
        .filter(|file| manifest::beside(file).exists())
        .collect();
    backups.sort();
    backups
}

/// The database as the program left it that knew the first `count` migrations.
fn left_by(place: &Empty, count: usize) -> counts::Counts {
    let known = migrations::known(Place::of(&place.url).unwrap().kind()).unwrap();
    left_by_one_that_knew(place, &known[..count])
}

/// The database as a program left it that knew these migrations.
fn left_by_one_that_knew(place: &Empty, versions: &[String]) -> counts::Counts {
    migrations::migrate_these(&mut raw(&place.url), versions).unwrap();
    for version in versions {
        let rows = ROWS.iter().find(|(of, _)| of == version);
        let (_, rows) = rows.unwrap_or_else(|| panic!("no rows for migration {version}"));
        sql(place, rows).unwrap();
    }
    counts::count(&mut raw(&place.url)).unwrap()
}

#[test]
fn every_earlier_schema_of_a_file_is_brought_up_to_date_in_one_step_and_backed_up_before() {
    brought_up_to_date(Kind::Sqlite);
}

#[test]
fn every_earlier_schema_of_a_server_is_brought_up_to_date_in_one_step_and_backed_up_before() {
    brought_up_to_date(Kind::Postgres);
}

/// Migrations land in the order of their merges, not of their numbers: what stood in main once, by
/// its newest and those that came after it.
const LANDED_BEFORE: [(&str, &[&str]); 2] = [
    ("0021", &["0019", "0020"]),
    ("0028", &["0022", "0024", "0025", "0026"]),
];

fn brought_up_to_date(kind: Kind) {
    let known = migrations::known(kind).unwrap();
    let by_number = (1..known.len()).map(|count| known[..count].to_vec());
    let by_merge = LANDED_BEFORE.map(|(newest, later)| {
        let there = known.iter().filter(|one| one.as_str() <= newest);
        let there = there.filter(|one| !later.contains(&one.as_str()));
        there.cloned().collect::<Vec<_>>()
    });
    for versions in by_number.chain(by_merge) {
        let Some(place) = empty(kind) else { continue };
        let folder = tempfile::tempdir().unwrap();
        let earlier = left_by_one_that_knew(&place, &versions);

        let before = before_change(folder.path(), 1, 3);
        drop(Database::open_in(&place.url, Company::Shared, Some(&before)).unwrap());

        let mut now = raw(&place.url);
        assert_eq!(migrations::applied(&mut now).unwrap(), known);
        let rows = counts::count(&mut now).unwrap();
        for (table, count) in &earlier {
            if table != "__diesel_schema_migrations" {
                assert_eq!(rows.get(table), Some(count), "{table}");
            }
        }
        let backups = backups(folder.path());
        assert_eq!(backups.len(), 1, "{backups:?}");
        let verified = verify(&backups[0], &mut |_| ()).unwrap();
        assert_eq!(verified.problems, [""; 0]);
        assert_eq!(verified.manifest.tables, earlier);
        assert_eq!(verified.manifest.schema, versions);

        // And it can be gone back to: what is restored is brought up to date again.
        let elsewhere = empty(kind).unwrap();
        restore(
            &elsewhere.url,
            &backups[0],
            &occasion(2),
            Overwrite::Refuse,
            &mut |_| (),
        )
        .unwrap();
        drop(Database::open(&elsewhere.url).unwrap());
        let mut back = raw(&elsewhere.url);
        assert_eq!(migrations::applied(&mut back).unwrap(), known);
        assert_eq!(counts::count(&mut back).unwrap(), rows);
    }
}

#[test]
fn neither_a_new_database_nor_one_that_is_up_to_date_is_backed_up() {
    on_each_empty(|place| {
        let folder = tempfile::tempdir().unwrap();
        let before = before_change(folder.path(), 1, 3);
        for _ in 0..2 {
            drop(Database::open_in(&place.url, Company::Shared, Some(&before)).unwrap());
            sql(place, ROWS[0].1).unwrap();
        }
        assert!(!folder.path().join("backups").exists());
    });
}

#[test]
fn no_more_backups_stay_than_the_settings_want() {
    on_each_empty(|place| {
        let folder = tempfile::tempdir().unwrap();
        let kind = Place::of(&place.url).unwrap().kind();
        left_by(place, 2);
        for second in 1..=4 {
            let before = before_change(folder.path(), second, 2);
            before
                .back_up(&Place::of(&place.url).unwrap(), "0002")
                .unwrap();
        }
        let stay = backups(folder.path());
        assert_eq!(stay.len(), 2, "{kind:?}");
        for (file, second) in stay.iter().zip(["000003Z", "000004Z"]) {
            assert!(file.to_str().unwrap().contains(second), "{file:?}");
        }
        assert_eq!(
            std::fs::read_dir(folder.path().join("backups"))
                .unwrap()
                .count(),
            4
        );
    });
}

#[test]
fn tables_are_not_changed_when_the_backup_before_cannot_be_made() {
    on_each_empty(|place| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("backups"), "in the way").unwrap();
        left_by(place, 2);
        let before = before_change(folder.path(), 1, 3);
        let refused = Database::open_in(&place.url, Company::Shared, Some(&before));
        assert!(matches!(refused.err(), Some(DatabaseError::NoBackup(_))));
        assert_eq!(migrations::applied(&mut raw(&place.url)).unwrap().len(), 2);
    });
}

#[test]
fn a_backup_of_a_newer_program_is_not_restored() {
    on_each_empty(|place| {
        left_by(place, 6);
        sql(
            place,
            "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')",
        )
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup");
        create(&place.url, &file, &occasion(1), &mut |_| ()).unwrap();
        let elsewhere = empty(Place::of(&place.url).unwrap().kind()).unwrap();
        let refused = restore(
            &elsewhere.url,
            &file,
            &occasion(2),
            Overwrite::Refuse,
            &mut |_| (),
        );
        assert!(
            matches!(refused, Err(BackupError::Unsound(_))),
            "{refused:?}"
        );
    });
}
