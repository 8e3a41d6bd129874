//! Each code with which a consent token is refused (PROTOCOL section 5), provoked at a real
//! responder; rows 37 to 46 of the decision table among them.
//!
//! The tokens are real ones that a home node minted, and what a dishonest member with its own keys
//! could make of them.

use federation_protocol::base64url;
use federation_protocol::evidence::{self, PatientEvidence};
use federation_protocol::keys::{KeyUse, SecretKey, Sign};
use federation_protocol::member::MemberState;
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::RequestDraft;
use federation_protocol::time::Timestamp;
use federation_protocol::token::{Confirmation, LONGEST_LIFE_SECONDS, TokenClaims};
use musubi_node::audit::Recorded;
use musubi_node::consent::Subject;
use musubi_node::linkage::phone::Phone;
use scenarios::envoy::{Parcel, Reply};
use scenarios::{Envoy, Patient, Store, Town, Witness, charts};
use serde_json::{Value, json};

/// Hana is at home in Minato and has a chart at Yukimi. Shirakaba holds a token of hers for lab
/// results and conditions at Yukimi; Kawabe is a member like any other, and means ill.
struct Scene {
    town: Town,
    hana: Patient,
    token: String,
}

impl Scene {
    async fn set(store: Store) -> Self {
        Self::set_in(Town::start(&["minato", "yukimi", "shirakaba", "kawabe"], store).await).await
    }

    async fn set_in(town: Town) -> Self {
        for name in ["minato", "yukimi", "kawabe"] {
            let id = format!("{name}-1");
            town.at(name)
                .load(&[
                    charts::patient("hana", "佐藤", "花"),
                    charts::hba1c(&id, "hana", "2026-05-01", "7.20"),
                ])
                .await;
        }
        let hana = town.person("hana", "minato", &["yukimi"]).await;
        let mut tokens = town.tokens(&hana, "shirakaba", "lab condition").await;
        let token = tokens.remove("yukimi").unwrap();
        Self { town, hana, token }
    }

    fn now(&self) -> Timestamp {
        self.town.now()
    }

    fn envoy(&self, name: &str) -> Envoy {
        self.town.at(name).envoy()
    }

    /// The claims of the real token.
    fn claims(&self) -> TokenClaims {
        let payload = self.token.split('.').nth(1).unwrap();
        serde_json::from_slice(&base64url::decode(payload).unwrap()).unwrap()
    }

    /// The claims that `issuer` would make for itself, were it Hana's home: everything that it can
    /// know.
    fn own_claims(&self, issuer: &Envoy) -> TokenClaims {
        let mut claims = self.claims();
        let endpoint = |name: &str| {
            let address = self.town.at(name).node().addresses().federation;
            format!("https://{address}")
        };
        let name = self
            .town
            .hospitals
            .values()
            .find(|one| *one.id() == issuer.id);
        let uri = &claims.status.status_list.uri;
        claims.status.status_list.uri =
            uri.replace(&endpoint("minato"), &endpoint(name.unwrap().name()));
        claims.iss = issuer.id.clone();
        bound_to(claims, issuer)
    }

    /// Asks Yukimi for observations as `who`.
    async fn ask(&self, who: &str, token: &str) -> Reply {
        let yukimi = self.town.at("yukimi");
        self.envoy(who)
            .ask(yukimi, token, "Observation", self.now())
            .await
    }

    async fn shows(&self, who: &str, token: &str) {
        let reply = self.ask(who, token).await;
        assert_eq!((reply.status, reply.code().as_str()), (200, ""));
        assert_eq!(reply.resources().len(), 1);
    }

    /// Shirakaba asks Yukimi with `token` and is refused.
    async fn refuses(&self, token: &str, status: u16, code: &'static str) {
        self.refuses_to("shirakaba", token, status, code).await;
    }

    async fn refuses_to(&self, who: &str, token: &str, status: u16, code: &'static str) {
        let envoy = self.envoy(who);
        let draft = envoy.search(self.town.at("yukimi"), token, "Observation", self.now());
        let parcel = envoy.sign(draft, self.now());
        self.refuses_parcel(who, "yukimi", &parcel, status, code)
            .await;
    }

    /// The refusal is signed, tells nothing but its code, and is one line at the responder that
    /// names who asked and no chart.
    async fn refuses_parcel(
        &self,
        who: &str,
        responder: &str,
        parcel: &Parcel,
        status: u16,
        code: &'static str,
    ) -> Recorded {
        let (asker, responder) = (self.town.at(who), self.town.at(responder));
        let witness = Witness::of(responder, code, Some(asker.id())).await;
        let reply = asker.envoy().send(responder, parcel).await;
        let line = witness.saw_it_written(status, &reply).await;
        assert!(reply.verifies(&parcel.binding, asker, self.now()));
        let exchange = parcel.binding.exchange.to_string();
        assert_eq!(line.exchange.as_deref(), Some(exchange.as_str()));
        assert_eq!((line.patient, line.shown), (None, None));
        line
    }
}

fn bound_to(mut claims: TokenClaims, holder: &Envoy) -> TokenClaims {
    claims.client_id = holder.id.clone();
    claims.cnf = Confirmation {
        jkt: holder.keys.sign().kid().clone(),
    };
    claims
}

fn minted(by: &Envoy, claims: &TokenClaims) -> String {
    claims.sign(by.keys.consent()).unwrap()
}

/// A token of any header and any claims, signed by `key`.
fn written(header: &Value, claims: &str, key: &dyn Sign) -> String {
    let input = format!(
        "{}.{}",
        base64url::encode(header.to_string()),
        base64url::encode(claims)
    );
    let signature = base64url::encode(key.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

fn header(key: &dyn Sign) -> Value {
    json!({ "alg": "Ed25519", "typ": "musubi-consent+jwt", "kid": key.kid() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_out_of_shape_is_malformed() {
    let scene = Scene::set(Store::Sqlite).await;
    let minato = scene.envoy("minato");
    let key = minato.keys.consent();
    let claims = serde_json::to_value(scene.claims()).unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        written(&header(key), &changed.to_string(), key)
    };
    let without = |name: &str| {
        let mut changed = claims.clone();
        changed.as_object_mut().unwrap().remove(name);
        written(&header(key), &changed.to_string(), key)
    };
    let twice = claims.to_string().replacen('{', "{\"ver\":1,", 1);
    let elsewhere = {
        let mut claims = scene.claims();
        claims.status.status_list.uri = "https://evil.example/federation/v1/status-lists/0".into();
        minted(&minato, &claims)
    };
    let other_box = {
        // Sealed for another token: the rules of one cannot be put into another.
        let mut claims = scene.claims();
        claims.jti = base64url::encode([1; 16]);
        minted(&minato, &claims)
    };
    for wrong in [
        "a.b.c".to_owned(),
        scene.token.replacen('.', "..", 1),
        format!("{}=", scene.token),
        format!("{}.", scene.token),
        with("extra", json!(1)),
        with("pev", Value::Null),
        with("ver", json!(2)),
        with("pou", json!("BTG")),
        with("scope", json!("condition lab")),
        with("scope", json!("other")),
        with("doc", json!("urn:uuid:1")),
        with("residual", json!({ "kid": "x", "box": "AA" })),
        with("doc", json!(format!("urn:uuid:{}", "0".repeat(2_048)))),
        without("sub"),
        without("residual"),
        written(&header(key), &twice, key),
        elsewhere,
        other_box,
    ] {
        scene.refuses(&wrong, 401, "token_malformed").await;
    }
    scene.shows("shirakaba", &scene.token).await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_another_header_is_refused_by_its_header() {
    let scene = Scene::set(Store::Sqlite).await;
    let minato = scene.envoy("minato");
    let key = minato.keys.consent();
    let claims = serde_json::to_string(&scene.claims()).unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = header(key);
        changed[name] = value;
        written(&changed, &claims, key)
    };
    for wrong in [
        with("alg", json!("none")),
        with("alg", json!("HS256")),
        with("typ", json!("JWT")),
        with("typ", json!("musubi-link+jwt")),
        with("crit", json!(["exp"])),
        with("jwk", json!({ "kty": "OKP" })),
    ] {
        scene.refuses(&wrong, 401, "token_header_invalid").await;
    }
    scene.shows("shirakaba", &with("alg", json!("EdDSA"))).await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_an_issuer_or_key_that_may_not_issue_is_unknown() {
    let scene = Scene::set(Store::Sqlite).await;
    let (minato, kawabe) = (scene.envoy("minato"), scene.envoy("kawabe"));
    let claims = scene.claims();
    let nobody = TokenClaims {
        iss: "urn:musubi:member:0110000099".parse().unwrap(),
        ..claims.clone()
    };
    let long_ago = TokenClaims {
        iat: Timestamp::from_unix_seconds(1),
        ..claims.clone()
    };
    for wrong in [
        minted(&minato, &nobody),
        claims.sign(&SecretKey::from_seed([7; 32])).unwrap(),
        claims.sign(minato.keys.sign()).unwrap(),
        claims
            .sign(minato.keys.signer(KeyUse::Log).unwrap())
            .unwrap(),
        minted(&kawabe, &claims),
        minted(&minato, &long_ago),
    ] {
        scene.refuses(&wrong, 401, "token_issuer_unknown").await;
    }
    scene.shows("shirakaba", &scene.token).await;
    scene.town.suspend("minato");
    scene
        .town
        .settle_until("minato", MemberState::Suspended)
        .await;
    scene
        .refuses(&scene.token, 401, "token_issuer_unknown")
        .await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_changed_after_signing_does_not_fit_its_signature() {
    let scene = Scene::set(Store::Sqlite).await;
    let [header, _, signature]: [&str; 3] = scene
        .token
        .split('.')
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let wider = TokenClaims {
        exp: scene.claims().exp.plus_seconds(1),
        ..scene.claims()
    };
    let payload = base64url::encode(serde_json::to_string(&wider).unwrap());
    let changed = format!("{header}.{payload}.{signature}");
    scene
        .refuses(&changed, 401, "token_signature_invalid")
        .await;
    scene.shows("shirakaba", &scene.token).await;
    // Also after the right one was remembered.
    scene
        .refuses(&changed, 401, "token_signature_invalid")
        .await;
    scene.town.stop().await;
}

/// Row 40.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_one_responder_is_worthless_at_another() {
    let scene = Scene::set(Store::Sqlite).await;
    let (shirakaba, now) = (scene.envoy("shirakaba"), scene.now());
    for other in ["kawabe", "minato"] {
        let draft = shirakaba.search(scene.town.at(other), &scene.token, "Observation", now);
        let parcel = shirakaba.sign(draft, now);
        scene
            .refuses_parcel("shirakaba", other, &parcel, 401, "token_audience_mismatch")
            .await;
    }
    scene.town.stop().await;
}

/// Row 39.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_stolen_by_another_member_is_worthless() {
    let scene = Scene::set(Store::Sqlite).await;
    scene.shows("shirakaba", &scene.token).await;
    for thief in ["kawabe", "minato"] {
        scene
            .refuses_to(thief, &scene.token, 401, "token_holder_mismatch")
            .await;
    }
    // Nor is it worth anything with another key of the same member.
    let mut other_key = scene.claims();
    other_key.cnf.jkt = SecretKey::from_seed([7; 32]).kid().clone();
    let other_key = minted(&scene.envoy("minato"), &other_key);
    scene
        .refuses(&other_key, 401, "token_holder_mismatch")
        .await;
    scene.town.stop().await;
}

/// Rows 41 and 42.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_holds_within_its_times_and_not_beyond() {
    let scene = Scene::set(Store::Sqlite).await;
    let (minato, now) = (scene.envoy("minato"), scene.now());
    let times = |iat: i64, nbf: i64, exp: i64| {
        let claims = TokenClaims {
            iat: now.plus_seconds(iat),
            nbf: now.plus_seconds(nbf),
            exp: now.plus_seconds(exp),
            ..scene.claims()
        };
        minted(&minato, &claims)
    };
    let life = LONGEST_LIFE_SECONDS;
    for wrong in [
        times(0, 0, life + 1),
        times(0, -1, 60),
        times(0, 60, 60),
        times(0, 0, -1),
    ] {
        scene.refuses(&wrong, 401, "token_lifetime_excessive").await;
    }
    scene
        .refuses(&times(0, 61, 600), 401, "token_not_yet_valid")
        .await;
    scene
        .refuses(&times(-600, -600, -61), 401, "token_expired")
        .await;
    for right in [times(0, 0, life), times(0, 60, 600), times(-600, -600, -60)] {
        scene.shows("shirakaba", &right).await;
    }
    let brief = times(0, 0, 10);
    scene.town.clock.advance(70);
    scene.shows("shirakaba", &brief).await;
    scene.town.clock.advance(1);
    scene.refuses(&brief, 401, "token_expired").await;
    scene.town.stop().await;
}

/// Row 44, and its neighbours.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_serves_one_purpose_one_practitioner_and_what_it_names() {
    let scene = Scene::set(Store::Sqlite).await;
    let (shirakaba, yukimi) = (scene.envoy("shirakaba"), scene.town.at("yukimi"));
    let now = scene.now();
    let draft = |question: &str| shirakaba.search(yukimi, &scene.token, question, now);
    let mut other = draft("Observation");
    other.actor.id = Some("dr-9".to_owned());
    let mut nurse = draft("Observation");
    nurse.actor.role = "nurse".to_owned();
    let mut machine = draft("Observation");
    machine.actor.role = "system".to_owned();
    machine.actor.id = None;
    let urgent = RequestDraft {
        purpose: Purpose::Etreat,
        ..draft("Observation")
    };
    let batch = |urls: &[&str]| shirakaba.batch(yukimi, &scene.token, urls, now);
    for (wrong, code) in [
        (urgent, "purpose_not_granted"),
        (other, "practitioner_mismatch"),
        (nurse, "practitioner_mismatch"),
        (machine, "practitioner_mismatch"),
        (draft("MedicationRequest"), "scope_not_granted"),
        (draft("AllergyIntolerance"), "scope_not_granted"),
        (batch(&["Procedure", "Immunization"]), "scope_not_granted"),
    ] {
        let parcel = shirakaba.sign(wrong, now);
        scene
            .refuses_parcel("shirakaba", "yukimi", &parcel, 403, code)
            .await;
    }
    scene.shows("shirakaba", &scene.token).await;
    scene.town.stop().await;
}

/// Row 43.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_cannot_mint_for_a_person_whose_home_it_is_not() {
    for store in Store::each() {
        let scene = Scene::set(store).await;
        let kawabe = scene.envoy("kawabe");
        let known = scene.own_claims(&kawabe);
        let invented = TokenClaims {
            sub: format!("pp:{}", base64url::encode([9; 16]))
                .parse()
                .unwrap(),
            ..known.clone()
        };
        let for_another = bound_to(known.clone(), &scene.envoy("shirakaba"));
        for token in [&known, &invented].map(|claims| minted(&kawabe, claims)) {
            scene
                .refuses_to("kawabe", &token, 401, "token_issuer_not_home")
                .await;
        }
        let token = minted(&kawabe, &for_another);
        scene.refuses(&token, 401, "token_issuer_not_home").await;

        let told = scene.ask("kawabe", &minted(&kawabe, &known)).await.told();
        let unknown = scene
            .ask("kawabe", &minted(&kawabe, &invented))
            .await
            .told();
        assert_eq!(told, unknown, "whether the handle is anyone's is not told");
        scene.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_node_that_asks_for_itself_needs_the_persons_own_signature() {
    let scene = Scene::set(Store::Sqlite).await;
    let minato = scene.envoy("minato");
    let bare = scene.own_claims(&minato);
    let decision = evidence::Decision {
        client_id: minato.id.clone(),
        purpose: bare.pou,
        practitioner: bare.prac.clone(),
        scope: bare.scope,
        until: bare.exp,
    };
    let phone = Phone::open(&scene.hana.phone).unwrap();
    let responder = scene.town.at("yukimi").id();
    let signed = |decision: &evidence::Decision| PatientEvidence {
        until: decision.until,
        sig: phone.sign(responder, &decision.bytes()).unwrap(),
    };
    let with = |pev: PatientEvidence| {
        let claims = TokenClaims {
            pev: Some(pev),
            ..bare.clone()
        };
        minted(&minato, &claims)
    };
    let narrower = evidence::Decision {
        scope: "condition".parse().unwrap(),
        ..decision.clone()
    };
    let for_another = evidence::Decision {
        client_id: scene.envoy("shirakaba").id,
        ..decision.clone()
    };
    let anyone = evidence::Decision {
        practitioner: None,
        ..decision.clone()
    };
    let too_short = evidence::Decision {
        until: bare.exp.plus_seconds(-1),
        ..decision.clone()
    };
    let later = PatientEvidence {
        until: bare.exp.plus_seconds(1),
        ..signed(&decision)
    };
    for wrong in [
        minted(&minato, &bare),
        with(decision.sign(&SecretKey::from_seed([7; 32]))),
        with(signed(&narrower)),
        with(signed(&for_another)),
        with(signed(&anyone)),
        with(signed(&too_short)),
        with(later),
    ] {
        scene
            .refuses_to("minato", &wrong, 401, "patient_evidence_missing")
            .await;
    }
    scene.shows("minato", &with(signed(&decision))).await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_the_homes_operator_needs_the_persons_own_signature_too() {
    let names = ["minato", "yukimi", "shirakaba", "kawabe"];
    let one_operator = |hospital: &scenarios::Hospital| {
        if ["minato", "kawabe"].contains(&hospital.name()) {
            hospital.set("organization", "operator = \"x-group\"");
        }
    };
    let town = Town::prepared(&names, Store::Sqlite, one_operator).await;
    let scene = Scene::set_in(town).await;
    let (minato, kawabe) = (scene.envoy("minato"), scene.envoy("kawabe"));
    let token = minted(&minato, &bound_to(scene.claims(), &kawabe));
    scene
        .refuses_to("kawabe", &token, 401, "patient_evidence_missing")
        .await;
    let mut decision = scene.town.decision(&scene.hana, "kawabe", "lab").await;
    decision.practitioner = scene.claims().prac;
    let code = scene.town.code_for(&scene.hana, decision).await;
    let home = scene.town.at("minato");
    let reply = kawabe.redeem(home, &code, "lab", scene.now()).await;
    scene.shows("kawabe", &reply.tokens[0].token).await;
    scene.town.stop().await;
}

/// Row 37.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_revoked_once_the_person_withdraws() {
    for store in Store::each() {
        let scene = Scene::set(store).await;
        scene.shows("shirakaba", &scene.token).await;

        let consents = &scene.town.at("minato").rooms().consents;
        let person = Subject::Person(scene.hana.person.parse().unwrap());
        let directives = consents.list(person).await.unwrap();
        assert_eq!(directives.len(), 1);
        let changed = consents.withdraw(&directives[0].id).await.unwrap();
        assert_eq!(changed.ended, [scene.claims().jti]);

        // The list that Yukimi has is good for 30 s.
        scene.town.clock.advance(30);
        scene.refuses(&scene.token, 401, "token_revoked").await;
        // Which its home cannot take back, nor anyone by hiding it.
        let mut town = scene.town;
        town.at_mut("minato").stop().await;
        town.clock.advance(600);
        town.settle().await;
        let yukimi = town.at("yukimi");
        let shirakaba = town.at("shirakaba").envoy();
        let reply = shirakaba
            .ask(yukimi, &scene.token, "Observation", town.now())
            .await;
        assert_ne!(reply.status, 200);
        town.stop().await;
    }
}

/// Row 38.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_standing_cannot_be_found_out_is_refused() {
    let mut scene = Scene::set(Store::Sqlite).await;
    scene.shows("shirakaba", &scene.token).await;
    scene.town.at_mut("minato").stop().await;
    scene.town.clock.advance(239);
    scene.shows("shirakaba", &scene.token).await;
    scene.town.clock.advance(1);
    scene
        .refuses(&scene.token, 503, "token_status_unavailable")
        .await;
    let clock = scene.town.shared_clock();
    scene.town.at_mut("minato").start(clock).await;
    scene.town.clock.advance(6);
    scene.shows("shirakaba", &scene.token).await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_list_was_never_seen_is_refused() {
    let mut scene = Scene::set(Store::Sqlite).await;
    scene.town.at_mut("minato").stop().await;
    scene
        .refuses(&scene.token, 503, "token_status_unavailable")
        .await;
    scene.town.stop().await;
}

/// Row 45.
#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_requester_is_refused_with_its_token() {
    let scene = Scene::set(Store::Sqlite).await;
    scene.shows("shirakaba", &scene.token).await;
    scene.town.suspend("shirakaba");
    scene
        .town
        .settle_until("shirakaba", MemberState::Suspended)
        .await;
    let yukimi = scene.town.at("yukimi");
    let shirakaba = scene.envoy("shirakaba");
    let witness = Witness::of(yukimi, "member_suspended", Some(&shirakaba.id)).await;
    let reply = scene.ask("shirakaba", &scene.token).await;
    witness.saw_it_only_counted(403, &reply).await;
    scene.town.stop().await;
}

/// Row 46.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_with_a_right_token_is_answered_once() {
    let scene = Scene::set(Store::Sqlite).await;
    let (shirakaba, yukimi) = (scene.envoy("shirakaba"), scene.town.at("yukimi"));
    let now = scene.now();
    let draft = shirakaba.search(yukimi, &scene.token, "Observation", now);
    let parcel = shirakaba.sign(draft, now);
    assert_eq!(shirakaba.send(yukimi, &parcel).await.status, 200);
    scene
        .refuses_parcel("shirakaba", "yukimi", &parcel, 401, "replay_detected")
        .await;
    scene.town.stop().await;
}
