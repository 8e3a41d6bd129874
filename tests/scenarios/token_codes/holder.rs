//! Whom the token serves, where, when and for what.

use federation_protocol::keys::SecretKey;
use federation_protocol::member::MemberState;
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::RequestDraft;
use federation_protocol::token::{LONGEST_LIFE_SECONDS, TokenClaims};
use scenarios::{Store, Witness};

use super::{Scene, minted};

/// Row 40.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_one_responder_is_worthless_at_another() {
    let scene = Scene::set(Store::Sqlite).await;
    let (shirakaba, now) = (scene.envoy("shirakaba"), scene.now());
    for other in ["kawabe", "minato"] {
        let draft = shirakaba.search(scene.town.at(other), &scene.token, "Observation", now);
        let parcel = shirakaba.sign(draft, now);
        let line = scene
            .refuses_parcel("shirakaba", other, &parcel, 401, "token_audience_mismatch")
            .await;
        assert_eq!(line.patient, None, "it is about no chart of {other}");
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
    // Not older than the keys, which a slow machine described some seconds after the clock stood.
    scene
        .refuses(&times(-300, -300, -61), 401, "token_expired")
        .await;
    for right in [times(0, 0, life), times(0, 60, 600), times(-300, -300, -60)] {
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
        scene.refuses_of_hers("shirakaba", &parcel, 403, code).await;
    }
    scene.shows("shirakaba", &scene.token).await;
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
