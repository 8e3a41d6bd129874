//! A member with right keys that answers whatever it wants.

use std::sync::{Arc, Mutex};

use federation_protocol::keys::Sign;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{AnswerDraft, FedDirectory, RequestBinding};
use federation_protocol::time::Timestamp;
use federation_service::tls::{TlsIdentity, federation_acceptor};

use super::listening::{Asked, serve};
use crate::envoy::Reply;
use crate::hospital::Hospital;

type Answering = Box<dyn FnMut(&Asked, Reply) -> Reply + Send>;

/// A member's federation listener in a test's hands, with its keys and its certificate.
pub struct EvilNode {
    answering: Arc<Mutex<Answering>>,
}

impl EvilNode {
    /// Takes the place of a hospital whose node was stopped. Until a test says otherwise it answers
    /// every question with `body`, rightly signed at `now`.
    #[must_use]
    pub fn in_place_of(hospital: &Hospital, body: String, now: Timestamp) -> Self {
        let config = hospital.config();
        let tls = &config.federation.tls;
        let identity = TlsIdentity::from_pem_files(&tls.certificate, &tls.key).unwrap();
        Self::behind(&identity, hospital, body, now)
    }

    /// The same with a certificate that may be another's.
    #[must_use]
    pub fn behind(
        identity: &TlsIdentity,
        hospital: &Hospital,
        body: String,
        now: Timestamp,
    ) -> Self {
        let acceptor = federation_acceptor(identity).unwrap().build();
        let as_it_should: Answering = Box::new(|_asked, right| right);
        let answering = Arc::new(Mutex::new(as_it_should));
        let (signer, says) = (hospital.envoy(), Arc::clone(&answering));
        serve(hospital.config().federation.bind, acceptor, move |asked| {
            let right = signed(&asked.binding(), &body, &*signer.keys.sign(), now);
            let mut says = says.lock().unwrap();
            says(asked, right)
        });
        Self { answering }
    }

    /// From now on it answers what `answering` makes of a question and of the right answer to it.
    pub fn answers(&self, answering: impl FnMut(&Asked, Reply) -> Reply + Send + 'static) {
        *self.answering.lock().unwrap() = Box::new(answering);
    }

    /// From now on it answers rightly.
    pub fn behaves(&self) {
        self.answers(|_asked, right| right);
    }
}

/// `body` as the answer to the question of `binding`, signed by any key at any time.
#[must_use]
pub fn signed(binding: &RequestBinding, body: &str, key: &dyn Sign, now: Timestamp) -> Reply {
    signed_as(200, binding, body, key, now)
}

/// A refusal of the question of `binding`, rightly signed by `key`.
#[must_use]
pub fn refused(
    binding: &RequestBinding,
    refusal: Refusal,
    key: &dyn Sign,
    now: Timestamp,
) -> Reply {
    let outcome = refusal.operation_outcome(now).to_string();
    signed_as(refusal.http_status(), binding, &outcome, key, now)
}

fn signed_as(
    status: u16,
    binding: &RequestBinding,
    body: &str,
    key: &dyn Sign,
    now: Timestamp,
) -> Reply {
    let draft = AnswerDraft {
        status,
        content_type: "application/fhir+json".to_owned(),
        body: body.as_bytes().to_vec(),
        directory: FedDirectory { seq: 1, status: 1 },
    };
    let answer = draft.sign(binding, key, now).unwrap();
    let headers = answer.headers.into_iter();
    Reply {
        status: answer.status,
        headers: headers
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        body: answer.body,
    }
}
