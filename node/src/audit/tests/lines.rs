use diesel::RunQueryDsl;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;

use super::super::*;
use crate::database::Rid;
use crate::database::testing::{on_each, on_each_async};

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_782_864_000 + second)
}

fn full_line() -> Line {
    Line::new(Kind::Disclosure, at(1), "physician")
        .exchange(&"0197f4a0-0000-7000-8000-000000000001")
        .peer(&"urn:musubi:member:0110000003".parse().unwrap())
        .actor_id("dr-0042")
        .purpose(Purpose::Treat)
        .patient(Rid(7))
        .shown(3)
        .withheld(2)
        .detail("jti", "AAECAwQFBgcICQoLDA0ODw")
}

#[actix_web::test]
async fn a_line_is_read_back_as_it_was_written() {
    on_each_async(async |database| {
        let audit = Audit::new(database);
        let seq = audit.append(full_line()).await.unwrap();
        let lines = audit.list(Filter::default()).await.unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (lines[0].seq, lines[0].at, lines[0].kind.as_str()),
            (seq, at(1), "disclosure")
        );
        assert_eq!(
            lines[0].peer.as_deref(),
            Some("urn:musubi:member:0110000003")
        );
        assert_eq!((lines[0].shown, lines[0].withheld), (Some(3), Some(2)));
        assert_eq!(lines[0].purpose.as_deref(), Some("TREAT"));
        assert_eq!(lines[0].detail["jti"], "AAECAwQFBgcICQoLDA0ODw");
    })
    .await;
}

#[actix_web::test]
async fn each_filter_narrows() {
    on_each_async(async |database| {
        let audit = Audit::new(database);
        audit.append(full_line()).await.unwrap();
        let other = Line::new(Kind::Refusal, at(5), "system")
            .exchange(&"0197f4a0-0000-7000-8000-000000000002")
            .person("6f1c")
            .outcome("token_revoked");
        let second = audit.append(other).await.unwrap();
        let narrowed = [
            Filter {
                since: Some(at(5)),
                ..Filter::default()
            },
            Filter {
                kind: Some(Kind::Refusal),
                ..Filter::default()
            },
            Filter {
                exchange: Some("0197f4a0-0000-7000-8000-000000000002".into()),
                ..Filter::default()
            },
            Filter {
                person: Some("6f1c".into()),
                ..Filter::default()
            },
            Filter {
                outcome: Some("token_revoked".into()),
                ..Filter::default()
            },
            Filter {
                after_seq: Some(second - 1),
                ..Filter::default()
            },
        ];
        for filter in narrowed {
            let lines = audit.list(filter.clone()).await.unwrap();
            assert_eq!(
                lines.iter().map(|line| line.seq).collect::<Vec<_>>(),
                [second],
                "{filter:?}"
            );
        }
        let of_chart = Filter {
            patient: Some(Rid(7)),
            ..Filter::default()
        };
        assert_eq!(audit.list(of_chart).await.unwrap()[0].kind, "disclosure");
        let first_only = Filter {
            limit: Some(1),
            ..Filter::default()
        };
        assert_eq!(audit.list(first_only).await.unwrap()[0].kind, "disclosure");
    })
    .await;
}

#[test]
fn a_written_line_can_be_neither_changed_nor_removed() {
    on_each(|database| {
        database
            .transact_blocking(|connection| append(connection, &full_line()))
            .unwrap();
        let attacks = [
            "UPDATE audit_line SET outcome = 'ok'",
            "UPDATE audit_line SET withheld = 0 WHERE seq = 1",
            "UPDATE audit_line SET salt = NULL",
            "UPDATE audit_line SET kind = 'erased', salt = NULL",
            "DELETE FROM audit_line",
        ];
        for attack in attacks {
            let tried: Result<usize, DatabaseError> =
                database.transact_blocking(move |connection| {
                    Ok(diesel::sql_query(attack).execute(connection)?)
                });
            assert!(tried.unwrap_err().to_string().contains("never"), "{attack}");
        }
        if database.kind() == crate::database::Kind::Postgres {
            let tried: Result<usize, DatabaseError> = database.transact_blocking(|connection| {
                Ok(diesel::sql_query("TRUNCATE audit_line").execute(connection)?)
            });
            assert!(tried.is_err());
        }
        let left = database
            .read_blocking(|connection| store::list(connection, &Filter::default()))
            .unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].withheld, Some(2));
    });
}

#[test]
fn a_line_of_an_act_that_was_rolled_back_is_not_there() {
    on_each(|database| {
        let failed: Result<(), DatabaseError> = database.transact_blocking(|connection| {
            append(connection, &full_line())?;
            Err(DatabaseError::Closed)
        });
        assert!(failed.is_err());
        let left = database
            .read_blocking(|connection| store::list(connection, &Filter::default()))
            .unwrap();
        assert!(left.is_empty());
    });
}

#[test]
fn every_kind_is_found_by_its_word() {
    for kind in Kind::ALL {
        assert_eq!(Kind::of(kind.as_str()), Some(kind));
    }
    assert_eq!(Kind::of("gossip"), None);
}
