//! Messages that a right node refuses, each with its own code.

use federation_protocol::directory::Profile;
use federation_protocol::joining::Report;
use federation_protocol::keys::{KeyId, SecretKey, Sign};
use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{ECHO_PATH, SignedRequest};
use federation_service::peer_client::PeerClient;
use federation_service::tls::TlsIdentity;

use super::{DEADLINE, Noting as _, Prober, Trouble, random, said};

/// How old the message is that is too old, in seconds: beyond window and skew, whatever the clock.
const LONG_AGO_SECONDS: i64 = 3_600;
/// A path that the probe must not be heard at.
const NOT_FOR_PROBES: &str = "/federation/v1/grants";

/// A key that signs in the name of another.
struct Forger<'a> {
    name: &'a KeyId,
    key: SecretKey,
}

impl Sign for Forger<'_> {
    fn kid(&self) -> &KeyId {
        self.name
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message)
    }
}

impl Prober {
    /// Sends each message of the pack. `echo` is the one that was answered: sent again, it is a
    /// replay.
    pub(super) async fn try_the_pack(
        &self,
        applicant: &Profile,
        client: &PeerClient,
        echo: &SignedRequest,
        report: &mut Report,
    ) {
        let replayed = Ok(echo.clone());
        let pack = [
            ("replayed", replayed, Refusal::ReplayDetected),
            ("wrong_audience", self.to_another(), Refusal::WrongMember),
            (
                "expired",
                self.long_ago(applicant),
                Refusal::SignatureTimeInvalid,
            ),
            (
                "unsigned",
                self.unsigned(applicant),
                Refusal::SignatureParamsInvalid,
            ),
            ("altered", self.altered(applicant), Refusal::DigestMismatch),
            ("forged", self.forged(applicant), Refusal::SignatureInvalid),
            (
                "beyond_the_echo",
                self.elsewhere(applicant),
                Refusal::KeyUnknown,
            ),
        ];
        for (name, message, expected) in pack {
            expect_refusal(name, message, expected, client, report).await;
        }
        let stranger = self.strangers_client(applicant);
        match stranger {
            Ok(stranger) => {
                let message = self.fresh(applicant);
                let expected = Refusal::CertificateUnknown;
                expect_refusal("stranger", message, expected, &stranger, report).await;
            }
            Err(found) => report.note("stranger", false, found),
        }
    }

    fn fresh(&self, applicant: &Profile) -> Result<SignedRequest, Trouble> {
        let draft = self.draft(&applicant.id, ECHO_PATH, b"{}".to_vec())?;
        self.sign(draft, self.clock.now())
    }

    fn to_another(&self) -> Result<SignedRequest, Trouble> {
        let draft = self.draft(&MemberId::registry(), ECHO_PATH, b"{}".to_vec())?;
        self.sign(draft, self.clock.now())
    }

    fn long_ago(&self, applicant: &Profile) -> Result<SignedRequest, Trouble> {
        let draft = self.draft(&applicant.id, ECHO_PATH, b"{}".to_vec())?;
        self.sign(draft, self.clock.now().plus_seconds(-LONG_AGO_SECONDS))
    }

    fn unsigned(&self, applicant: &Profile) -> Result<SignedRequest, Trouble> {
        let mut message = self.fresh(applicant)?;
        let signs = |name: &str| matches!(name, "signature" | "signature-input");
        message.headers.retain(|(name, _)| !signs(name));
        Ok(message)
    }

    fn altered(&self, applicant: &Profile) -> Result<SignedRequest, Trouble> {
        let mut message = self.fresh(applicant)?;
        message.body = b"{ }".to_vec();
        Ok(message)
    }

    fn forged(&self, applicant: &Profile) -> Result<SignedRequest, Trouble> {
        let forger = Forger {
            name: self.key.kid(),
            key: SecretKey::from_seed(random()?),
        };
        let draft = self.draft(&applicant.id, ECHO_PATH, b"{}".to_vec())?;
        self.sign_with(&forger, draft, self.clock.now())
    }

    fn elsewhere(&self, applicant: &Profile) -> Result<SignedRequest, Trouble> {
        let draft = self.draft(&applicant.id, NOT_FOR_PROBES, b"{}".to_vec())?;
        self.sign(draft, self.clock.now())
    }

    /// Somebody with a certificate that no directory names.
    fn strangers_client(&self, applicant: &Profile) -> Result<PeerClient, String> {
        let now = self.clock.now();
        let (from, until) = (now.plus_seconds(-3_600), now.plus_seconds(3_600));
        let identity = TlsIdentity::generate("stranger.invalid", from, until);
        let identity = identity.map_err(|error| error.to_string())?;
        self.client(applicant, &identity)
    }
}

async fn expect_refusal(
    name: &str,
    message: Result<SignedRequest, Trouble>,
    expected: Refusal,
    client: &PeerClient,
    report: &mut Report,
) {
    let reply = match message {
        Ok(message) => client.ask(&message, DEADLINE).await,
        Err(trouble) => return report.note(name, false, trouble.to_string()),
    };
    match reply {
        Ok(reply) => {
            let code = Refusal::of_body(&reply.body).map(Refusal::code);
            let rightly = reply.status == expected.http_status() && code == Some(expected.code());
            report.note(name, rightly, said(&reply));
        }
        Err(failure) => report.note(name, false, failure.to_string()),
    }
}
