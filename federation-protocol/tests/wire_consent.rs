//! Section 3 of `docs/WIRE.md`: tokens, residual, evidence, status lists, grants.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use federation_protocol::base64url;
use federation_protocol::category::{Category, Scope};
use federation_protocol::consent::{Practitioner, Residual};
use federation_protocol::emergency::{
    DescribedPerson, EmergencyNotice, EmergencyPatient, EmergencyQuestion, EmergencySex,
    InsuredPerson, Reason, ReasonCode,
};
use federation_protocol::evidence::Decision;
use federation_protocol::grants::{
    GrantReply, GrantRequest, GrantedToken, PendingReply, PlainCode, Witness,
};
use federation_protocol::keys::{KeyId, SecretKey};
use federation_protocol::link::PatientHandle;
use federation_protocol::linking::comparison::{BirthFacts, Blind, Meeting, Sex};
use federation_protocol::linking::{LinkBegin, LinkBegun, LinkConfirm, LinkMade, LinkMessage};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::revocation::{RevocationPush, RevocationReply};
use federation_protocol::sample::{NOW, SampleMember, SampleRegistry};
use federation_protocol::signature::Actor;
use federation_protocol::status_list::{FEWEST_SLOTS, StatusList, verify_status_list};
use federation_protocol::token::{
    Acr, Confirmation, LinkFacts, StatusClaim, StatusListClaim, TokenClaims, TokenContext,
    verify_token,
};
use federation_protocol::unlinking::LinkEnd;
use zeroize::Zeroizing;

mod wire_document;

use wire_document::{check, pretty};

const HANDLE: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn home() -> SampleMember {
    SampleMember::new("0110000001", 10)
}

fn responder() -> SampleMember {
    SampleMember::new("0110000002", 20)
}

fn registry() -> SampleRegistry {
    SampleRegistry::of([home().profile(), responder().profile()])
}

fn device() -> SecretKey {
    SecretKey::from_seed([40; 32])
}

fn scope() -> Scope {
    Scope::EMPTY.with(Category::Lab).with(Category::Rx)
}

fn practitioner() -> Practitioner {
    Practitioner {
        id: "dr-0042".into(),
        role: "physician".into(),
    }
}

fn list_uri() -> String {
    format!(
        "{}/federation/v1/status-lists/1",
        home().profile().endpoints.federation
    )
}

/// Everything but psychiatry, and nothing of one encounter.
fn residual() -> Residual {
    Residual::from_json(
        br#"[[{"type":"permit","securityLabel":["N","R"]},{"type":"forbid","securityLabel":["PSY"]}],[{"type":"forbid","class":["lab"],"dataPeriod":{"end":"2019-12-31"},"data":[{"meaning":"related","ref":"Encounter/9"}]}]]"#,
    )
    .unwrap()
}

fn decision() -> Decision {
    Decision {
        client_id: home().id,
        purpose: Purpose::Treat,
        practitioner: Some(practitioner()),
        scope: scope(),
        until: NOW.plus_seconds(86_400),
    }
}

/// A home node that asks for itself: with the person's evidence.
fn claims() -> TokenClaims {
    let (home, responder) = (home(), responder());
    let jti = base64url::encode([17_u8; 16]);
    let sealed = residual()
        .seal(responder.seal.public(), &jti, &responder.id, [9; 32])
        .unwrap();
    TokenClaims {
        ver: 1,
        iss: home.id.clone(),
        sub: PatientHandle::from_bytes(HANDLE),
        aud: responder.id,
        client_id: home.id.clone(),
        cnf: Confirmation {
            jkt: home.sign.kid().clone(),
        },
        jti,
        iat: NOW,
        nbf: NOW,
        exp: NOW.plus_seconds(3_600),
        pou: Purpose::Treat,
        scope: scope(),
        residual: sealed,
        prac: Some(practitioner()),
        acr: Acr::Passkey,
        doc: "urn:uuid:00112233-4455-6677-8899-aabbccddeeff".into(),
        status: StatusClaim {
            status_list: StatusListClaim {
                idx: 70_007,
                uri: list_uri(),
            },
        },
        pev: Some(decision().sign(&device())),
    }
}

#[test]
fn token() {
    let (home, responder) = (home(), responder());
    let token = claims().sign(&home.consent).unwrap();
    let actor = Actor {
        id: Some("dr-0042".into()),
        role: "physician".into(),
        dept: None,
        acr: None,
        at: None,
    };
    let request = TokenContext {
        from: &home.id,
        keyid: home.sign.kid(),
        actor: &actor,
        purpose: Purpose::Treat,
        asked: scope(),
    };
    let links = |_: &PatientHandle| {
        Some(LinkFacts {
            home: home.id.clone(),
            device_key: device().public(),
        })
    };
    let seal = |kid: &KeyId| (kid == responder.seal.kid()).then_some(&responder.seal);
    let membership = registry().membership();
    let opened = verify_token(
        &token,
        &request,
        &membership,
        &links,
        &seal,
        &responder.id,
        NOW,
    );
    assert_eq!(opened.unwrap().residual, residual());

    let rules: serde_json::Value = serde_json::from_str(&residual().to_json()).unwrap();
    check(&[
        ("token-claims", pretty(&claims())),
        ("token-jws", token),
        ("residual", pretty(&rules)),
        ("residual-json", residual().to_json()),
        ("evidence", String::from_utf8(decision().bytes()).unwrap()),
    ]);
}

#[test]
fn status_list() {
    let home = home();
    let mut list = StatusList::new(FEWEST_SLOTS).unwrap();
    list.set(70_007).unwrap();
    let jwt = list.sign(&list_uri(), &home.consent, NOW);
    let membership = registry().membership();
    let opened = verify_status_list(&jwt, &home.id, &list_uri(), &membership, NOW).unwrap();
    assert_eq!(opened.bit(70_007), Some(true));

    let payload = jwt.split('.').nth(1).unwrap();
    let claims = base64url::decode(payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    check(&[("status-list", pretty(&claims)), ("status-list-jwt", jwt)]);
}

#[test]
fn revocations() {
    let push = RevocationPush {
        sequence: 7,
        jti: vec![
            base64url::encode([18_u8; 16]),
            base64url::encode([19_u8; 16]),
        ],
    };
    let reply = RevocationReply { acknowledged: 7 };
    let body = serde_json::to_vec(&push).unwrap();
    assert_eq!(RevocationPush::from_json(&body), Ok(push.clone()));
    check(&[
        ("revocation-push", pretty(&push)),
        ("revocation-reply", serde_json::to_string(&reply).unwrap()),
    ]);
}

#[test]
fn emergencies() {
    let reason = Reason {
        code: ReasonCode::Unconscious,
        text: "搬送時に意識がなく家族にも連絡がつかない".into(),
    };
    let question = EmergencyQuestion {
        patient: EmergencyPatient::Described(DescribedPerson {
            kana: "サトウ ハナ".into(),
            birth_date: "1960-05-05".into(),
            gender: EmergencySex::Female,
        }),
        reason: Some(reason.clone()),
        queries: vec!["AllergyIntolerance?_count=1000".into(), "Condition".into()],
    };
    assert_eq!(
        EmergencyQuestion::from_json(&question.to_json()),
        Ok(question.clone())
    );
    let insured = EmergencyPatient::Insured(InsuredPerson {
        insured: "00012345:あい:187:02".into(),
    });
    let notice = EmergencyNotice {
        id: "0197c1f5-9c00-7a01-8101-010101010101".into(),
        patient: PatientHandle::from_bytes([7; 16]),
        asker: responder().id,
        practitioner: "dr-0042".into(),
        reason,
        at: NOW.unix_seconds(),
        shown: 4,
    };
    let body = serde_json::to_vec(&notice).unwrap();
    assert_eq!(EmergencyNotice::from_json(&body), Ok(notice.clone()));
    check(&[
        ("emergency-question", pretty(&question)),
        (
            "emergency-insured",
            serde_json::to_string(&insured).unwrap(),
        ),
        ("emergency-notice", pretty(&notice)),
    ]);
}

#[test]
fn ends_of_links() {
    let end = LinkEnd {
        end: PatientHandle::from_bytes([7; 16]),
    };
    check(&[("link-end", pretty(&end))]);
}

#[test]
fn links_of_codes() {
    let (home, responder) = (member("0110000001"), member("0110000002"));
    let (code, device_key) = (
        PlainCode::read("7K2QX-9D4HM"),
        SecretKey::from_seed([9; 32]).public(),
    );
    let meeting = Meeting {
        home: &home,
        responder: &responder,
        code: &code,
        device_key: &device_key,
    };
    let facts = BirthFacts {
        year: 1958,
        sex: Sex::Female,
    };
    let [ours, theirs] = [1, 2].map(|byte| Blind::of_random(&Zeroizing::new([byte; 64])));
    let [a, b] = [&ours, &theirs].map(|blind| blind.commit(&meeting, facts));
    let proofs = ours.proofs_at_home(&meeting, &a, &b).unwrap();
    assert_eq!(
        theirs.proofs_at_responder(&meeting, &b, &a),
        Some(proofs.clone())
    );
    let begin = LinkMessage::Begin(LinkBegin {
        code: code.clone(),
        commitment: a,
        device_key: device_key.clone(),
    });
    let confirm = LinkMessage::Confirm(LinkConfirm {
        code: code.clone(),
        proof: proofs.home,
    });
    let begun = LinkBegun { commitment: b };
    let made = LinkMade {
        proof: proofs.responder,
        assertion: "eyJhbGciOiJFZERTQSIsInR5cCI6Im11c3ViaS1s…".into(),
    };
    for message in [&begin, &confirm] {
        let body = serde_json::to_vec(message).unwrap();
        assert_eq!(LinkMessage::from_json(&body).as_ref(), Ok(message));
    }
    check(&[
        ("link-begin", pretty(&begin)),
        ("link-begun", pretty(&begun)),
        ("link-confirm", pretty(&confirm)),
        ("link-made", pretty(&made)),
    ]);
}

fn member(code: &str) -> MemberId {
    MemberId::from_code(code).unwrap()
}

#[test]
fn grants() {
    let request = GrantRequest {
        code: Some(PlainCode::read("7K2QX-9D4HM")),
        pending: None,
        grant_id: None,
        purpose: Purpose::Treat,
        categories: vec![Category::Lab, Category::Rx],
        practitioner: Some(practitioner()),
        name: Some("佐藤 一郎".into()),
        witness: None,
    };
    let witnessed = GrantRequest {
        name: None,
        witness: Some(Witness {
            id: "ns-7".into(),
            role: "nurse".into(),
            text: federation_protocol::digest::sha256("港病院が検査とくすりを見ます。".as_bytes()),
            until: NOW.plus_seconds(8 * 3_600),
        }),
        ..request.clone()
    };
    let pending = PendingReply {
        pending: base64url::encode([19_u8; 16]),
        home: home().id,
        purpose: Purpose::Treat,
        expires: NOW.plus_seconds(300),
    };
    let comeback = GrantRequest {
        code: None,
        pending: Some(pending.pending.clone()),
        name: None,
        ..request.clone()
    };
    for body in [&request, &witnessed, &comeback] {
        let json = serde_json::to_vec(body).unwrap();
        assert_eq!(GrantRequest::from_json(&json).as_ref(), Ok(body));
    }
    let reply = GrantReply {
        grant: base64url::encode([18_u8; 16]),
        home: home().id,
        purpose: Purpose::Treat,
        expires: NOW.plus_seconds(3_600),
        tokens: vec![GrantedToken {
            responder: responder().id,
            token: format!(
                "{}…",
                claims().sign(&home().consent).unwrap().get(..60).unwrap()
            ),
        }],
    };
    check(&[
        ("grant-request", pretty(&request)),
        ("grant-request-witnessed", pretty(&witnessed)),
        ("grant-pending", pretty(&pending)),
        ("grant-request-pending", pretty(&comeback)),
        ("grant-reply", pretty(&reply)),
    ]);
}
