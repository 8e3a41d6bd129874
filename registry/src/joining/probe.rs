//! The probe: does the endpoint belong to the applicant, and does it refuse what a right node
//! refuses?
//!
//! Asks as the registry, with the one key that root lets ask for an echo, over the certificate that
//! root names. Learns nothing about anybody: an echo is all that nodes answer it.
//!
//! Source: PROTOCOL section 3, step 3; section 4 for what must be refused; section 8 for where to
//! connect.

use std::time::Duration;

use federation_protocol::base64url;
use federation_protocol::directory::{Profile, RootDocument};
use federation_protocol::joining::{Check, Report};
use federation_protocol::keys::{SecretKey, Sign};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{
    Actor, ECHO_PATH, ExchangeId, RequestDraft, SignedRequest, verify_applicants_answer,
};
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use federation_service::outbound::OutboundRules;
use federation_service::peer_client::{PeerClient, RawReply};
use federation_service::tls::{TlsError, TlsIdentity};

use crate::config::Config;
use crate::directory::{OnlineKeys, PublishError};

mod pack;
mod reading;

use reading::{Echoed, read_echo, refused_time};

/// How long one request may take, connecting included.
const DEADLINE: Duration = Duration::from_secs(5);
/// Largest answer that is read, bytes: an echo is small.
const LONGEST_ANSWER: usize = 64 * 1024;
/// How far the node's clock may be off before an operator is told, milliseconds. Requests fail at
/// 60 s; a clock that is kept by NTP is within one.
const CLOCK_MS: i64 = 10_000;

/// Probes applicants.
pub(crate) struct Prober {
    identity: TlsIdentity,
    key: SecretKey,
    rules: OutboundRules,
    clock: SharedClock,
}

/// Why there is no prober.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProberError {
    /// The key's file cannot be used.
    #[error(transparent)]
    Key(#[from] PublishError),
    /// The certificate's files cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why nothing could be asked.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error(transparent)]
    Draft(#[from] federation_protocol::signature::DraftError),
}

impl Prober {
    /// A prober with the key that root names; none when root names none.
    ///
    /// # Errors
    /// The key's or the certificate's files cannot be used.
    pub(crate) fn load(
        config: &Config,
        root: &RootDocument,
        clock: SharedClock,
    ) -> Result<Option<Self>, ProberError> {
        let keys = config.key_folder();
        let Some(key) = OnlineKeys::load_probe(&keys, root)? else {
            return Ok(None);
        };
        let passphrase = keys.passphrase().map_err(TlsError::from)?;
        let identity = TlsIdentity::open(
            &config.http.tls_certificate_file,
            &config.http.tls_key_file,
            passphrase.as_deref(),
        )?;
        Ok(Some(Self {
            identity,
            key,
            rules: OutboundRules::new(config.joining.allow_cidrs.iter().copied()),
            clock,
        }))
    }

    /// Tries everything at the endpoint of `applicant`. Where not even an echo comes back, the rest
    /// is not tried.
    pub(crate) async fn examine(&self, applicant: &Profile) -> Report {
        let mut report = Report {
            at: self.clock.now(),
            checks: Vec::new(),
        };
        let client = match self.client(applicant, &self.identity) {
            Ok(client) => client,
            Err(found) => {
                report.note("echo", false, found);
                return report;
            }
        };
        let Some(echo) = self.echo(applicant, &client, &mut report).await else {
            return report;
        };
        self.try_the_pack(applicant, &client, &echo, &mut report)
            .await;
        report
    }

    fn client(&self, applicant: &Profile, identity: &TlsIdentity) -> Result<PeerClient, String> {
        let endpoint = &applicant.endpoints.federation;
        let named = &applicant.certificates;
        PeerClient::new(endpoint, named, identity, &self.rules, LONGEST_ANSWER)
            .map_err(|error| error.to_string())
    }

    /// A signed echo, and what its answer tells; the request, for sending it once more.
    async fn echo(
        &self,
        applicant: &Profile,
        client: &PeerClient,
        report: &mut Report,
    ) -> Option<SignedRequest> {
        let text = base64url::encode(random::<16>().unwrap_or_default());
        let body = format!(r#"{{"echo":"{text}"}}"#).into_bytes();
        let drafted = self.draft(&applicant.id, ECHO_PATH, body);
        let signed = drafted.and_then(|draft| self.sign(draft, self.clock.now()));
        let request = match signed {
            Ok(request) => request,
            Err(trouble) => {
                report.note("echo", false, trouble.to_string());
                return None;
            }
        };
        let sent_at = self.clock.now();
        let reply = match client.ask(&request, DEADLINE).await {
            Ok(reply) => reply,
            Err(failure) => {
                report.note("echo", false, failure.to_string());
                return None;
            }
        };
        let here = middle(sent_at, self.clock.now());
        let opened = reply.as_answer(|raw| {
            verify_applicants_answer(raw, &request.binding, applicant, self.clock.now())
        });
        match opened {
            Ok(answer) if answer.status == 200 => {
                report.judge_echo(read_echo(&answer.body), &text, here, applicant)
            }
            Ok(_) => {
                report.note("echo", false, said(&reply));
                return None;
            }
            Err(unverified) => {
                if let Some(there) = refused_time(&reply.body) {
                    report.judge_clock(there, here);
                }
                let found = match reply.status {
                    200 => unverified.to_string(),
                    _ => said(&reply),
                };
                report.note("echo", false, found);
                return None;
            }
        };
        Some(request)
    }

    fn draft(&self, to: &MemberId, path: &str, body: Vec<u8>) -> Result<RequestDraft, Trouble> {
        let hex = |bytes: &[u8]| -> String {
            // All zeros is no id: the lowest bits are set rather than hoped for.
            bytes
                .iter()
                .map(|byte| format!("{:02x}", byte | 1))
                .collect()
        };
        let (trace, span) = (random::<16>()?, random::<8>()?);
        Ok(RequestDraft {
            path: path.to_owned(),
            content_type: "application/json".to_owned(),
            from: MemberId::registry(),
            to: to.clone(),
            exchange: ExchangeId::new(self.clock.now(), random()?),
            purpose: Purpose::Treat,
            actor: Actor::system(),
            consent: None,
            timeout_ms: u32::try_from(DEADLINE.as_millis()).unwrap_or(u32::MAX),
            traceparent: format!("00-{}-{}-01", hex(&trace), hex(&span)),
            body,
        })
    }

    fn sign(&self, draft: RequestDraft, at: Timestamp) -> Result<SignedRequest, Trouble> {
        self.sign_with(&self.key, draft, at)
    }

    fn sign_with(
        &self,
        key: &dyn Sign,
        draft: RequestDraft,
        at: Timestamp,
    ) -> Result<SignedRequest, Trouble> {
        Ok(draft.sign(key, at, random()?)?)
    }
}

/// Lines of a report.
trait Noting {
    fn note(&mut self, name: &str, passed: bool, found: impl Into<String>);
    fn judge_clock(&mut self, there: Timestamp, here: Timestamp);
    fn judge_echo(
        &mut self,
        echoed: Option<Echoed>,
        text: &str,
        here: Timestamp,
        applicant: &Profile,
    );
}

impl Noting for Report {
    fn note(&mut self, name: &str, passed: bool, found: impl Into<String>) {
        self.checks.push(Check {
            name: name.to_owned(),
            passed,
            found: found.into(),
        });
    }

    fn judge_clock(&mut self, there: Timestamp, here: Timestamp) {
        let off = there.unix_millis().saturating_sub(here.unix_millis());
        let fits = (-CLOCK_MS..=CLOCK_MS).contains(&off);
        self.note("clock", fits, format!("{off} ms from the registry's"));
    }

    fn judge_echo(
        &mut self,
        echoed: Option<Echoed>,
        text: &str,
        here: Timestamp,
        applicant: &Profile,
    ) {
        let Some(echoed) = echoed else {
            self.note("echo", false, "answered, but not with an echo");
            return;
        };
        let repeats = echoed.echo == text;
        let word = if repeats {
            "repeated"
        } else {
            "said something else"
        };
        self.note("echo", repeats, word);
        self.judge_clock(echoed.time, here);
        let range = applicant.protocol;
        let speaks = (range.min..=range.max).contains(&echoed.version);
        let (min, max) = (range.min, range.max);
        let found = format!("speaks {}, describes {min} to {max}", echoed.version);
        self.note("version", speaks, found);
    }
}

/// The moment between two: an answer's time is compared with when it was probably made.
fn middle(sent: Timestamp, back: Timestamp) -> Timestamp {
    Timestamp::from_micros(sent.micros().midpoint(back.micros()))
}

/// What a reply was, in words for an operator.
fn said(reply: &RawReply) -> String {
    let code = Refusal::of_body(&reply.body).map_or("no known code", Refusal::code);
    format!("answered {} ({code})", reply.status)
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
