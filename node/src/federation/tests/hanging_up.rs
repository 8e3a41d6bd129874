//! A physician's screen that goes away in the middle: what was asked is written down all the same.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;

use super::town::{Hospital, Town};
use super::*;
use crate::database::DatabaseError;
use crate::federation::evidence;

/// Longer than the caller waits, shorter than a peer may take; the one that is looked at comes last,
/// so that what comes before it is sent to nobody.
const BUSY: [u64; 3] = [700, 400, 550];
const PATIENCE: Duration = Duration::from_millis(250);

/// Nothing can be written at this hospital for a while, so it answers late.
fn busy(hospital: &Hospital, millis: u64) -> tokio::task::JoinHandle<()> {
    let database = hospital.scratch.database.clone();
    let is_postgres = hospital.scratch.url.starts_with("postgres");
    tokio::spawn(async move {
        let locked = database.transact(move |connection| {
            if is_postgres {
                connection.batch_execute("LOCK TABLE audit_line IN ACCESS EXCLUSIVE MODE")?;
            }
            std::thread::sleep(Duration::from_millis(millis));
            Ok::<_, DatabaseError>(())
        });
        locked.await.unwrap();
    })
}

async fn hangs_up(hospital: &Hospital, path: &str) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = client
        .get(format!("http://{}{path}", hospital.hospital_address))
        .bearer_auth(&hospital.physician)
        .timeout(PATIENCE)
        .send()
        .await;
    let came = match asked {
        Ok(reply) => reply.bytes().await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(came.is_err_and(|error| error.is_timeout()), "{path}");
}

#[actix_web::test]
async fn what_was_asked_is_written_down_also_when_the_screen_has_gone_away() {
    Town::on_each(5, async |town: Town| {
        let grant = grant_in(&town, everything(), &["lab"]).await;
        let (asker, answerer) = (&town.hospitals[ASKER], &town.hospitals[ANSWERER]);
        answerer.charts(&RESULTS).await;
        for (at, path) in [
            format!("/federated/{grant}/fhir/Observation"),
            format!("/federated/{grant}/stream?type=Observation"),
        ]
        .iter()
        .enumerate()
        {
            let hospitals = town.hospitals[ANSWERER..].iter();
            let held: Vec<_> = hospitals
                .zip(BUSY)
                .map(|(one, for_)| busy(one, for_))
                .collect();
            tokio::time::sleep(Duration::from_millis(50)).await;
            hangs_up(asker, path).await;
            for one in held {
                one.await.unwrap();
            }
            let mut lines = Vec::new();
            for _ in 0..100 {
                lines = asker.lines(Kind::Query).await;
                lines.retain(|line| line.peer.as_deref() == Some(answerer.me.as_str()));
                lines.retain(|line| line.exchange.is_some());
                if lines.len() > at {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(lines.len(), at + 1, "{path}");
            let exchange = lines[at].exchange.as_deref().unwrap();
            let database = &asker.scratch.database;
            let kept = evidence::of_exchange(database, exchange).await.unwrap();
            assert!(kept[0].answer.is_some(), "{path}");
            let disclosed = answerer.lines(Kind::Disclosure).await;
            assert_eq!(disclosed[at].exchange.as_deref(), Some(exchange));
        }
    })
    .await;
}
