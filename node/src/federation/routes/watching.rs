//! A question that is watched: who is asked, each hospital's part as it comes, the manifest.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc;

use super::super::asking::Parts;
use super::super::outcome::{Hospital, Part};
use super::super::sse;
use super::problem::unavailable;
use crate::database::DatabaseError;

/// A question that was let out, with whoever let it out.
pub(super) trait Watched: 'static {
    /// Every hospital that will have a part; whether it is the own chart.
    fn hospitals(&self) -> Vec<(Hospital, bool)>;

    /// Writes one exchange down: before its answer is shown.
    async fn record(&self, part: &Part) -> Result<(), DatabaseError>;

    /// The parts in the order in which the hospitals were asked, and the manifest, kept.
    async fn close(&self, came: Vec<Part>) -> Result<(Vec<Part>, String), DatabaseError>;
}

/// The stream as an answer.
pub(super) fn streamed(watched: impl Watched, parts: Parts) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .content_type("text/event-stream")
        .streaming(events(watched, parts))
}

/// Where a stream stands.
enum Stage {
    Asked,
    Coming,
    Ended,
}

struct Watching<W> {
    watched: W,
    parts: Parts,
    came: Vec<Part>,
    stage: Stage,
}

/// `asked`, one `part` for each hospital, `manifest`. A part that cannot be written down ends the
/// stream unsaid: nothing is shown without its line.
///
/// Goes on to its end also when nobody listens any more: what was asked and answered is written down
/// here as it is at the other end.
fn events<W: Watched>(
    watched: W,
    parts: Parts,
) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    // Room for all, so that who listens slowly keeps no part from being taken in.
    let (say, said) = mpsc::channel(watched.hospitals().len() + 2);
    let mut watching = Watching {
        watched,
        parts,
        came: Vec::new(),
        stage: Stage::Asked,
    };
    actix_web::rt::spawn(async move {
        while let Some(text) = watching.next().await {
            // Fails when nobody listens.
            let _ = say.send(text.map(Bytes::from)).await;
        }
    });
    stream::unfold(
        said,
        |mut said| async move { Some((said.recv().await?, said)) },
    )
}

impl<W: Watched> Watching<W> {
    async fn next(&mut self) -> Option<Result<String, actix_web::Error>> {
        match self.stage {
            Stage::Asked => {
                self.stage = Stage::Coming;
                let hospitals = self.watched.hospitals();
                let each = hospitals.iter().map(|(hospital, own)| (hospital, *own));
                Some(Ok(sse::asked(each)))
            }
            Stage::Coming => match self.parts.next().await {
                Some(part) => Some(self.part(part).await),
                None => {
                    self.stage = Stage::Ended;
                    Some(self.manifest().await)
                }
            },
            Stage::Ended => None,
        }
    }

    async fn part(&mut self, part: Part) -> Result<String, actix_web::Error> {
        if let Err(error) = self.watched.record(&part).await {
            tracing::error!("an answer is not shown, for it could not be written down: {error}");
            self.stage = Stage::Ended;
            return Err(unavailable().into());
        }
        let text = sse::part(&part);
        self.came.push(part);
        Ok(text)
    }

    async fn manifest(&mut self) -> Result<String, actix_web::Error> {
        let came = std::mem::take(&mut self.came);
        let (parts, jws) = self.watched.close(came).await.map_err(|error| {
            tracing::error!("the manifest could not be kept: {error}");
            unavailable()
        })?;
        Ok(sse::manifest(&parts, &jws))
    }
}
