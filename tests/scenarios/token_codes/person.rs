//! Whose decision the token carries: home, evidence, withdrawal.

use federation_protocol::base64url;
use federation_protocol::evidence::{self, PatientEvidence};
use federation_protocol::keys::SecretKey;
use federation_protocol::token::TokenClaims;
use musubi_node::consent::Subject;
use musubi_node::linkage::phone::Phone;
use scenarios::{Store, Town};

use super::{Scene, bound_to, minted};

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
                .refuses_forged("kawabe", &token, 401, "token_issuer_not_home")
                .await;
        }
        let token = minted(&kawabe, &for_another);
        scene
            .refuses_forged("shirakaba", &token, 401, "token_issuer_not_home")
            .await;

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

        // The list that Yukimi has is good for 30 s: it is told meanwhile.
        let minato = scene.town.at("minato").node();
        minato.federation().delivery().round().await.unwrap();
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
