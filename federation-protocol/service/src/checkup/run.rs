//! Doing checks so that none can hurt another: each in a task of its own, with a time of its own.

use std::sync::Arc;
use std::time::Duration;

use super::{BROKE_OFF, Finding, NOT_TRIED, Said, TOO_SLOW, Verdict};
use crate::clock::Stopwatch;

/// Told what is done next, for whoever waits: the check, and the member it is about.
type Progress = Arc<dyn Fn(&'static str, Option<&str>) + Send + Sync>;

/// Collects what is found.
pub struct Checkup {
    progress: Progress,
    findings: Vec<Finding>,
}

impl Checkup {
    /// Nothing found yet; `progress` is told each check as it begins.
    pub fn new(progress: impl Fn(&'static str, Option<&str>) + Send + Sync + 'static) -> Self {
        Self {
            progress: Arc::new(progress),
            findings: Vec::new(),
        }
    }

    /// Steps about `subject`, each of which needs the one before it. Give what it found back with
    /// [`Checkup::take`].
    #[must_use]
    pub fn chain(&self, subject: Option<String>) -> Chain {
        Chain {
            progress: Arc::clone(&self.progress),
            subject,
            findings: Vec::new(),
            broken: false,
        }
    }

    /// A check that stands alone, of at most `limit`.
    pub async fn check(
        &mut self,
        check: &'static str,
        limit: Duration,
        work: impl Future<Output = Said> + Send + 'static,
    ) {
        let mut chain = self.chain(None);
        chain.step(check, limit, async { ((), work.await) }).await;
        self.take(chain);
    }

    /// The same for work that blocks its thread. Past its limit it is no longer waited for.
    pub async fn check_blocking(
        &mut self,
        check: &'static str,
        limit: Duration,
        work: impl FnOnce() -> Said + Send + 'static,
    ) {
        self.check(check, limit, blocking(work)).await;
    }

    /// A check whose work blocks and brings something for later checks, which may be worth having
    /// also when there is a problem with it.
    pub async fn bring<T: Send + 'static>(
        &mut self,
        check: &'static str,
        limit: Duration,
        work: impl FnOnce() -> Result<(T, Said), Said> + Send + 'static,
    ) -> Option<T> {
        let mut chain = self.chain(None);
        let done = async {
            let done = tokio::task::spawn_blocking(work).await;
            match done.unwrap_or_else(|error| Err(Said::code(BROKE_OFF).with("reason", error))) {
                Ok((brought, said)) => (Some(brought), said),
                Err(said) => (None, said),
            }
        };
        let brought = chain.tell(check, limit, done).await.flatten();
        self.take(chain);
        brought
    }

    /// Puts down what is known already.
    pub fn note(&mut self, check: &'static str, said: impl Into<Said>) {
        self.findings.push(Finding {
            check,
            subject: None,
            said: said.into(),
            took_ms: 0,
        });
    }

    /// Takes what a chain found.
    pub fn take(&mut self, chain: Chain) {
        self.findings.extend(chain.findings);
    }

    /// All that was found, in the order of the checks.
    #[must_use]
    pub fn findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// `work` on a thread that may block.
async fn blocking(work: impl FnOnce() -> Said + Send + 'static) -> Said {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Said::code(BROKE_OFF).with("reason", error))
}

/// Steps of which each needs the one before.
pub struct Chain {
    progress: Progress,
    subject: Option<String>,
    findings: Vec<Finding>,
    broken: bool,
}

impl Chain {
    /// Does a step within `limit`: what it brought for the next, unless it is a problem or a step
    /// before it was; then "not tried" is put down for the rest.
    pub async fn step<T: Send + 'static>(
        &mut self,
        check: &'static str,
        limit: Duration,
        work: impl Future<Output = (T, Said)> + Send + 'static,
    ) -> Option<T> {
        let brought = self.tell(check, limit, work).await;
        brought.filter(|_| !self.broken)
    }

    /// [`Chain::step`], which gives back what the work brought also when it is a problem.
    pub async fn tell<T: Send + 'static>(
        &mut self,
        check: &'static str,
        limit: Duration,
        work: impl Future<Output = (T, Said)> + Send + 'static,
    ) -> Option<T> {
        if self.broken {
            self.not_tried(check);
            return None;
        }
        (self.progress)(check, self.subject.as_deref());
        let watch = Stopwatch::start();
        let mut task = tokio::spawn(work);
        let done = tokio::time::timeout(limit, &mut task).await;
        let (brought, said) = match done {
            Ok(Ok((brought, said))) => (Some(brought), said),
            Ok(Err(error)) => (None, Said::code(BROKE_OFF).with("reason", error)),
            Err(_elapsed) => {
                task.abort();
                (None, Said::code(TOO_SLOW).with("seconds", limit.as_secs()))
            }
        };
        self.broken = said.code.verdict == Verdict::Problem;
        self.put(check, said, watch.elapsed_ms());
        brought
    }

    /// A step whose work says itself whether the next can be tried: `Err` ends the chain, also with
    /// a finding that is no problem.
    pub async fn try_step<T: Send + 'static>(
        &mut self,
        check: &'static str,
        limit: Duration,
        work: impl Future<Output = Result<(T, Said), Said>> + Send + 'static,
    ) -> Option<T> {
        let brought = self
            .step(check, limit, async {
                match work.await {
                    Ok((brought, said)) => (Some(brought), said),
                    Err(said) => (None, said),
                }
            })
            .await
            .flatten();
        self.broken = brought.is_none();
        brought
    }

    /// Puts down what is known already, whatever happened before.
    pub fn note(&mut self, check: &'static str, said: impl Into<Said>) {
        self.put(check, said.into(), 0);
    }

    /// Puts down that a step is not tried.
    pub fn not_tried(&mut self, check: &'static str) {
        self.put(check, NOT_TRIED.into(), 0);
    }

    /// Whether a step has failed.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken
    }

    fn put(&mut self, check: &'static str, said: Said, took_ms: u64) {
        self.findings.push(Finding {
            check,
            subject: self.subject.clone(),
            said,
            took_ms,
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]
    use super::*;
    use crate::checkup::{Code, WELL};

    const LIMIT: Duration = Duration::from_secs(5);
    const BAD: Code = Code {
        name: "bad",
        verdict: Verdict::Problem,
    };

    fn codes(checkup: Checkup) -> Vec<(&'static str, &'static str)> {
        let findings = checkup.findings();
        let each = findings.iter().map(|one| (one.check, one.said.code.name));
        each.collect()
    }

    #[tokio::test]
    async fn a_check_that_hangs_or_breaks_off_stops_no_other() {
        let mut checkup = Checkup::new(|_, _| {});
        let short = Duration::from_millis(50);
        checkup.check("hangs", short, std::future::pending()).await;
        checkup
            .check("panics", LIMIT, async { panic!("on purpose") })
            .await;
        checkup
            .check_blocking("blocks", short, || {
                std::thread::sleep(Duration::from_millis(400));
                WELL.into()
            })
            .await;
        checkup.check("works", LIMIT, async { WELL.into() }).await;
        assert_eq!(
            codes(checkup),
            [
                ("hangs", "check-too-slow"),
                ("panics", "check-broke-off"),
                ("blocks", "check-too-slow"),
                ("works", "well"),
            ]
        );
    }

    #[tokio::test]
    async fn what_follows_a_failed_step_is_not_tried() {
        let mut checkup = Checkup::new(|_, _| {});
        let mut chain = checkup.chain(Some("yukimi".to_owned()));
        let first = chain.step("a", LIMIT, async { (7, WELL.into()) }).await;
        assert_eq!(first, Some(7));
        let second = chain.step("b", LIMIT, async { (8, BAD.into()) }).await;
        assert_eq!(second, None);
        let third = chain.step("c", LIMIT, async { panic!("was tried") }).await;
        assert_eq!(third.map(|()| 0), None);
        checkup.take(chain);
        assert_eq!(
            codes(checkup),
            [("a", "well"), ("b", "bad"), ("c", "not-tried")]
        );
    }
}
