//! Any bytes as a consent token, as the payload of a rightly signed one, and as the rules sealed
//! in it.

use std::sync::LazyLock;

use federation_protocol::category::{Category, Scope};
use federation_protocol::consent::Residual;
use federation_protocol::directory::Membership;
use federation_protocol::jws::sign_compact;
use federation_protocol::keys::KeyId;
use federation_protocol::link::PatientHandle;
use federation_protocol::purpose::Purpose;
use federation_protocol::sample::{NOW, SampleMember, SampleRegistry};
use federation_protocol::signature::Actor;
use federation_protocol::token::{LinkFacts, TOKEN_TYP, TokenContext, verify_token};

static HOME: LazyLock<SampleMember> = LazyLock::new(|| SampleMember::new("0110000001", 10));
static ASKER: LazyLock<SampleMember> = LazyLock::new(|| SampleMember::new("0110000002", 20));
static MEMBERSHIP: LazyLock<Membership> =
    LazyLock::new(|| SampleRegistry::of([HOME.profile(), ASKER.profile()]).membership());

pub(crate) fn run(data: &[u8]) {
    if let Ok(token) = std::str::from_utf8(data) {
        judge(token);
    }
    judge(&sign_compact(TOKEN_TYP, data, &HOME.consent));
    let _ = Residual::from_json(data);
}

/// At the home itself, which knows every handle as its own.
fn judge(token: &str) {
    let actor = Actor::system();
    let request = TokenContext {
        from: &ASKER.id,
        keyid: ASKER.sign.kid(),
        actor: &actor,
        purpose: Purpose::Treat,
        asked: Scope::EMPTY.with(Category::Lab),
    };
    let links = |_: &PatientHandle| {
        Some(LinkFacts {
            home: HOME.id.clone(),
            device_key: HOME.recovery.public(),
        })
    };
    let seal = |_: &KeyId| Some(&HOME.seal);
    let _ = verify_token(token, &request, &*MEMBERSHIP, &links, &seal, &HOME.id, NOW);
}
