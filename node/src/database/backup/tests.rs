#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod earlier;

use std::os::unix::fs::PermissionsExt as _;

use diesel::{Connection as _, PgConnection};

use super::super::testing::{Empty, empty, on_each_empty};
use super::super::{Database, counts, last_restore, upkeep};
use super::*;
use crate::database::{HospitalConnection, Kind};

const MEMBER: &str = "urn:musubi:member:0110000001";

fn occasion(second: i64) -> Occasion {
    Occasion {
        member: MEMBER.into(),
        at: Timestamp::from_unix_seconds(1_782_864_000 + second),
    }
}

/// Changes the tables past the pool, as something else would.
fn sql(place: &Empty, statements: &str) -> Result<(), DatabaseError> {
    use diesel::connection::SimpleConnection as _;
    raw(&place.url).batch_execute(statements)?;
    Ok(())
}

fn raw(url: &str) -> HospitalConnection {
    match Place::of(url).unwrap() {
        Place::Sqlite(path) => {
            HospitalConnection::Sqlite(super::super::sqlite::connect(&path).unwrap())
        }
        Place::Postgres(url) => {
            HospitalConnection::Postgres(PgConnection::establish(&url).unwrap())
        }
    }
}

fn person(id: &str) -> String {
    format!("INSERT INTO person VALUES ('{id}', 1, 'p', 5, NULL)")
}

fn persons(place: &Empty) -> i64 {
    counts::count(&mut raw(&place.url)).unwrap()["person"]
}

struct Kept {
    _folder: tempfile::TempDir,
    file: PathBuf,
}

/// A database with one person, and a backup of it.
fn backed_up(place: &Empty) -> Kept {
    drop(Database::open(&place.url).unwrap());
    sql(place, &person("hana")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    create(&place.url, &file, &occasion(0), &mut |_| ()).unwrap();
    Kept {
        _folder: folder,
        file,
    }
}

fn restore_over(place: &Empty, kept: &Kept, overwrite: Overwrite) -> Result<Restored, BackupError> {
    restore(&place.url, &kept.file, &occasion(9), overwrite, &mut |_| ())
}

#[test]
fn a_backup_is_made_beside_a_writing_node_and_is_whole() {
    on_each_empty(|place| {
        let node = Database::open(&place.url).unwrap();
        sql(place, &person("hana")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a ?#%' backup");
        let writer = std::thread::spawn(move || {
            for id in 0..200 {
                let write = move |connection: &mut HospitalConnection| {
                    use diesel::connection::SimpleConnection as _;
                    connection.batch_execute(
                        &person(&format!("{id}")).replace(", 1,", &format!(", {},", id + 2)),
                    )?;
                    Ok::<_, DatabaseError>(())
                };
                node.transact_blocking(write).unwrap();
            }
        });
        let made = create(&place.url, &file, &occasion(0), &mut |_| ()).unwrap();
        writer.join().unwrap();

        assert!(made.manifest.tables["person"] >= 1);
        assert_eq!(made.manifest.member, MEMBER);
        assert_eq!(persons(place), 201);
        let verified = verify(&file, &mut |_| ()).unwrap();
        assert_eq!(verified.problems, [""; 0]);
        assert_eq!(verified.manifest, made.manifest);
        let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
        for entry in left.drain(..) {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    });
}

#[test]
fn no_backup_is_ever_written_over() {
    on_each_empty(|place| {
        let kept = backed_up(place);
        let before = std::fs::read(&kept.file).unwrap();
        let again = create(&place.url, &kept.file, &occasion(1), &mut |_| ());
        assert!(matches!(again, Err(BackupError::Exists(_))), "{again:?}");
        assert_eq!(std::fs::read(&kept.file).unwrap(), before);
    });
}

#[test]
fn a_changed_byte_a_lost_end_and_a_false_count_are_told() {
    on_each_empty(|place| {
        let kept = backed_up(place);
        let whole = std::fs::read(&kept.file).unwrap();
        let manifest = manifest::beside(&kept.file);
        let honest = std::fs::read_to_string(&manifest).unwrap();
        let problems = || verify(&kept.file, &mut |_| ()).unwrap().problems;

        let mut changed = whole.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        std::fs::write(&kept.file, &changed).unwrap();
        assert!(problems().iter().any(|p| p.contains("SHA-256")));
        let refused = restore_over(place, &kept, Overwrite::PutAside);
        assert!(
            matches!(refused, Err(BackupError::Unsound(_))),
            "{refused:?}"
        );
        assert_eq!(persons(place), 1);

        std::fs::write(&kept.file, &whole[..whole.len() - 100]).unwrap();
        assert!(problems().iter().any(|p| p.contains("bytes")));

        std::fs::write(&kept.file, &whole).unwrap();
        let promised = honest.replace("\"person\": 1", "\"person\": 2, \"lost\": 4");
        std::fs::write(&manifest, promised).unwrap();
        assert!(problems().iter().any(|p| p.contains("lost")));

        let newer = honest.replace("\"0001\"", "\"0001\", \"9999\"");
        std::fs::write(&manifest, newer).unwrap();
        assert!(problems().iter().any(|p| p.contains("9999")));

        std::fs::remove_file(&manifest).unwrap();
        let without = verify(&kept.file, &mut |_| ());
        assert!(matches!(without, Err(BackupError::Manifest { .. })));
    });
}

#[test]
fn what_is_restored_is_what_was_backed_up_and_says_so() {
    on_each_empty(|place| {
        let kept = backed_up(place);
        let elsewhere = empty(Place::of(&place.url).unwrap().kind()).unwrap();

        let restored = restore_over(&elsewhere, &kept, Overwrite::Refuse).unwrap();

        assert_eq!(restored.aside, None);
        assert_eq!(persons(&elsewhere), 1);
        let database = Database::open(&elsewhere.url).unwrap();
        let at = database.read_blocking(last_restore).unwrap();
        assert_eq!(at, Some(occasion(9).at));
        assert_eq!(
            Database::open(&place.url)
                .unwrap()
                .read_blocking(last_restore)
                .unwrap(),
            None
        );
        assert_eq!(upkeep::check(&elsewhere.url).unwrap(), [""; 0]);
    });
}

#[test]
fn a_running_node_and_a_database_with_rows_are_not_restored_over() {
    on_each_empty(|place| {
        let kept = backed_up(place);
        sql(place, &person("jiro").replace(", 1,", ", 2,")).unwrap();
        let node = Database::open(&place.url).unwrap();
        let in_use = restore_over(place, &kept, Overwrite::PutAside);
        let in_use = matches!(in_use, Err(BackupError::Database(DatabaseError::InUse)));
        assert!(in_use);
        drop(node);
        let not_empty = restore_over(place, &kept, Overwrite::Refuse);
        assert!(
            matches!(not_empty, Err(BackupError::NotEmpty)),
            "{not_empty:?}"
        );
        assert_eq!(persons(place), 2);
    });
}

#[test]
fn a_database_that_is_restored_over_is_put_aside_with_its_rows() {
    on_each_empty(|place| {
        let kept = backed_up(place);
        sql(place, &person("jiro").replace(", 1,", ", 2,")).unwrap();

        let restored = restore_over(place, &kept, Overwrite::PutAside).unwrap();

        assert_eq!(persons(place), 1);
        let aside = restored.aside.unwrap();
        let former = match Place::of(&place.url).unwrap() {
            Place::Sqlite(_) => counts::count(&mut raw(&format!("sqlite:{aside}"))).unwrap(),
            Place::Postgres(_) => {
                sql(place, "INSERT INTO person VALUES ('new', 9, 'p', 5, NULL)").unwrap();
                // A later backup does not take what was put aside along.
                let later = kept.file.with_extension("later");
                let made = create(&place.url, &later, &occasion(10), &mut |_| ()).unwrap();
                assert_eq!(made.manifest.tables["person"], 2);
                let mut list = tools::tool("pg_restore").unwrap();
                list.arg("--list").arg(&later);
                let list = tools::run("pg_restore", &mut list, None, &mut |_| ()).unwrap();
                assert!(!list.contains(postgres::ASIDE), "{list}");
                let mut session = raw(&place.url);
                use diesel::connection::SimpleConnection as _;
                session
                    .batch_execute(&format!("SET search_path = {aside}"))
                    .unwrap();
                counts::count(&mut session).unwrap()
            }
        };
        assert_eq!(former["person"], 2);
    });
}

#[test]
fn another_members_backup_or_another_kind_is_refused() {
    on_each_empty(|place| {
        let kept = backed_up(place);
        let mut stranger = occasion(9);
        stranger.member = "urn:musubi:member:0110000002".into();
        let url = match Place::of(&place.url).unwrap().kind() {
            Kind::Sqlite => "postgres://nowhere/at-all",
            Kind::Postgres => "sqlite:/nowhere/at/all",
        };
        let refused = restore(
            &place.url,
            &kept.file,
            &stranger,
            Overwrite::PutAside,
            &mut |_| (),
        );
        assert!(matches!(refused, Err(BackupError::OtherMember { .. })));
        let refused = restore(
            url,
            &kept.file,
            &occasion(9),
            Overwrite::PutAside,
            &mut |_| (),
        );
        assert!(matches!(refused, Err(BackupError::OtherKind { .. })));
    });
}

#[test]
fn a_restore_that_fails_in_the_middle_leaves_the_former_tables() {
    let Some(place) = empty(Kind::Postgres) else {
        return;
    };
    let kept = backed_up(&place);
    let manifest = manifest::beside(&kept.file);
    let honest = std::fs::read_to_string(&manifest).unwrap();
    // The dump lists every table, so only after it was loaded is it seen that rows are missing.
    std::fs::write(&manifest, honest.replace("\"person\": 1", "\"person\": 7")).unwrap();
    sql(&place, &person("jiro").replace(", 1,", ", 2,")).unwrap();

    let failed = restore_over(&place, &kept, Overwrite::PutAside);

    assert!(matches!(failed, Err(BackupError::Unsound(_))), "{failed:?}");
    assert_eq!(persons(&place), 2);
    Database::open(&place.url).unwrap();
}

#[test]
fn no_node_opens_what_a_restore_left_half_done() {
    let Some(place) = empty(Kind::Postgres) else {
        return;
    };
    let kept = backed_up(&place);
    let (at, backup) = (occasion(5).at, "00");
    super::super::restored::mark(&mut raw(&place.url), at, backup, false).unwrap();
    let half = Database::open(&place.url);
    assert!(matches!(half.err(), Some(DatabaseError::HalfRestored)));
    restore_over(&place, &kept, Overwrite::PutAside).unwrap();
    Database::open(&place.url).unwrap();
}

#[test]
fn a_damaged_file_can_be_restored_over_when_it_is_put_aside() {
    let place = empty(Kind::Sqlite).unwrap();
    let kept = backed_up(&place);
    let path = place.url.strip_prefix("sqlite:").unwrap();
    std::fs::write(path, vec![7; 50_000]).unwrap();
    let refused = restore_over(&place, &kept, Overwrite::Refuse);
    assert!(matches!(refused, Err(BackupError::NotEmpty)), "{refused:?}");
    let restored = restore_over(&place, &kept, Overwrite::PutAside).unwrap();
    assert_eq!(
        std::fs::read(restored.aside.unwrap()).unwrap(),
        vec![7; 50_000]
    );
    assert_eq!(persons(&place), 1);
}

#[test]
fn a_vacuum_gives_back_room_and_wants_the_file_for_itself() {
    on_each_empty(|place| {
        let node = Database::open(&place.url).unwrap();
        node.transact_blocking(|connection| {
            use diesel::connection::SimpleConnection as _;
            connection.batch_execute("CREATE TABLE note (text TEXT)")?;
            for _ in 0..200 {
                connection
                    .batch_execute(&format!("INSERT INTO note VALUES ('{}')", "x".repeat(9000)))?;
            }
            connection.batch_execute("DELETE FROM note")?;
            Ok::<_, DatabaseError>(())
        })
        .unwrap();
        if node.kind() == Kind::Sqlite {
            let in_use = upkeep::vacuum(&place.url);
            let in_use = matches!(in_use, Err(BackupError::Database(DatabaseError::InUse)));
            assert!(in_use);
            drop(node);
        }
        let before = upkeep::size(&place.url).unwrap();
        upkeep::vacuum(&place.url).unwrap();
        let after = upkeep::size(&place.url).unwrap();
        assert!(before.unused.is_none_or(|unused| unused > 1_000_000));
        assert!(after.unused.is_none_or(|unused| unused == 0));
        assert!(after.kind == Kind::Postgres || after.bytes < before.bytes);
        assert_eq!(after.rows, before.rows);
    });
}

#[test]
fn a_damaged_page_is_found_by_a_check() {
    let place = empty(Kind::Sqlite).unwrap();
    drop(backed_up(&place));
    assert_eq!(upkeep::check(&place.url).unwrap(), [""; 0]);
    let path = place.url.strip_prefix("sqlite:").unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    for page in (2 * 4096..bytes.len()).step_by(4096) {
        bytes[page + 1..page + 9].fill(0xff);
    }
    std::fs::write(path, bytes).unwrap();
    assert_ne!(upkeep::check(&place.url).unwrap(), [""; 0]);
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "a skipped test says so where people look"
)]
fn what_root_makes_belongs_to_the_node() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    const NODE: u32 = 54_321;
    let place = empty(Kind::Sqlite).unwrap();
    let path = place.url.strip_prefix("sqlite:").unwrap();
    let folder = folder_of(Path::new(path));
    if chown(folder, Some(NODE), Some(NODE)).is_err() {
        eprintln!("SKIPPED: only root gives files away");
        return;
    }
    let backups = Folder::at(folder.join("backups"));
    backups.prepare().unwrap();
    drop(Database::open(&place.url).unwrap());
    let file = backups.new_file(&place.url, &occasion(1)).unwrap();
    create(&place.url, &file, &occasion(1), &mut |_| ()).unwrap();
    sql(&place, &person("hana")).unwrap();
    let overwrite = Overwrite::PutAside;
    restore(&place.url, &file, &occasion(2), overwrite, &mut |_| ()).unwrap();

    let entries = |folder: &Path| {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().path())
    };
    let made: Vec<_> = entries(folder).chain(entries(backups.path())).collect();
    assert!(made.len() >= 6, "{made:?}");
    for file in made {
        assert_eq!(file.metadata().unwrap().uid(), NODE, "{file:?}");
    }
}
