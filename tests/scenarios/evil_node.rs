//! A member with right keys that signs whatever it wants, before real nodes: as one who answers, and
//! as one who asks.
//!
//! What other tests show already, and is not repeated here:
//!
//! | attack | shown by |
//! |---|---|
//! | a request replayed, also after a restart | `check_10_the_same_signed_request_passes_once_also_after_a_restart` |
//! | … between workers and connections | `check_10_of_64_copies_at_once_exactly_one_passes` |
//! | … between processes on one database | `the_window_survives_a_restart_and_is_shared_through_the_database` |
//! | … with a right token; after a restored backup | `a_question_with_a_right_token_is_answered_once`, `after_a_restore_no_signed_request_is_answered_for_180_seconds` |
//! | another member's token | `a_token_stolen_by_another_member_is_worthless` |
//! | a token for another audience; a request to another member | `a_token_for_one_responder_is_worthless_at_another`, `check_7_a_request_to_another_member_is_misdirected` |
//! | a token by a member that is not the home | `a_member_cannot_mint_for_a_person_whose_home_it_is_not` |
//! | a token of the home's own, without the person's signature | `a_home_node_that_asks_for_itself_needs_the_persons_own_signature`, `a_member_of_the_homes_operator_needs_the_persons_own_signature_too` |
//! | another protocol version | `check_1_another_version_is_not_spoken` |
//! | TLS 1.2 | `tls_1_2_is_refused_between_members_and_spoken_elsewhere`, `a_peer_that_speaks_only_tls_1_2_is_refused` |
//! | oversized heads and bodies, to be read and to be sent | `check_1_oversized_headers_and_bodies_are_refused`, `an_endless_body_is_read_up_to_the_cap`, `headers_without_end_are_not_read_to_the_end` |
//! | bombs, redirects, drips, inner addresses | `outbound/tests/forgery.rs` of federation-service |
//! | very many connections and handshakes | `flood.rs` |

use federation_protocol::base64url;
use federation_protocol::keys::{KeyUse, SecretKey};
use federation_protocol::token::TokenClaims;
use scenarios::envoy::{Parcel, resources};
use scenarios::evil::{Asked, signed};
use scenarios::{Envoy, EvilNode, Reply, Store, Town, charts};
use serde_json::{Value, json};

/// Hana is at home in Minato, where she has one result; Yukimi, where she was too, means ill.
struct Scene {
    town: Town,
    grant: String,
    yukimi: EvilNode,
}

fn lie(kind: &str, id: &str) -> Value {
    json!({ "resourceType": kind, "id": id, "status": "final", "subject": { "reference": "Patient/hana" } })
}

fn searchset(resource: &Value) -> String {
    let entry = json!({ "resource": resource, "search": { "mode": "match" } });
    json!({ "resourceType": "Bundle", "type": "searchset", "entry": [entry] }).to_string()
}

impl Scene {
    async fn set() -> Self {
        let names = ["minato", "yukimi", "shirakaba", "kawabe"];
        let mut town = Town::start(&names, Store::Sqlite).await;
        for name in ["minato", "yukimi"] {
            town.at(name)
                .load(&[
                    charts::patient("hana", "佐藤", "花"),
                    charts::hba1c(&format!("{name}-1"), "hana", "2026-05-01", "7.20"),
                ])
                .await;
        }
        let hana = town.person("hana", "minato", &["minato", "yukimi"]).await;
        let grant = town.grant(&hana, "shirakaba", "lab condition").await;
        town.at_mut("yukimi").stop().await;
        let right = searchset(&lie("Observation", "yukimi-1"));
        let yukimi = EvilNode::in_place_of(town.at("yukimi"), right, town.now());
        Self {
            town,
            grant,
            yukimi,
        }
    }

    /// Shirakaba asks both; what Yukimi's entry says, and the ids that are shown.
    async fn asks(&self, question: &str) -> (String, Vec<String>) {
        let shirakaba = self.town.at("shirakaba");
        let (status, merged) = shirakaba.ask(&self.grant, "dr-1", question).await;
        assert_eq!(status, 200, "{merged}");
        let yukimi = self.town.at("yukimi").id().as_str();
        let entries = merged["entry"].as_array().unwrap().iter();
        let code = entries
            .map(|entry| &entry["resource"])
            .filter(|one| one["resourceType"] == "OperationOutcome")
            .find(|one| one["meta"]["source"] == yukimi)
            .map_or("", |one| {
                let code = &one["issue"][0]["details"]["coding"][0]["code"];
                code.as_str().unwrap()
            });
        let shown = resources(&merged).into_iter();
        let mut ids: Vec<String> = shown
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        (code.to_owned(), ids)
    }

    /// What Yukimi says is shown.
    async fn believes(&self) {
        self.yukimi.behaves();
        let told = self.asks("Observation").await;
        let both = vec!["minato-1".to_owned(), "yukimi-1".to_owned()];
        assert_eq!(told, (String::new(), both));
    }

    /// Nothing of what Yukimi says is shown, that it is not is said, and the others' data is there.
    async fn discards(
        &self,
        what: &str,
        code: &str,
        answering: impl FnMut(&Asked, Reply) -> Reply + Send + 'static,
    ) {
        self.yukimi.answers(answering);
        let told = self.asks("Observation").await;
        assert_eq!(
            told,
            (code.to_owned(), vec!["minato-1".to_owned()]),
            "{what}"
        );
        // Five failures in a row, and it would not be asked at all.
        self.believes().await;
    }
}

fn with_header(mut reply: Reply, name: &str, value: &str) -> Reply {
    for (one, old) in &mut reply.headers {
        if one == name {
            value.clone_into(old);
        }
    }
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_believed_that_was_not_signed_for_this_very_question() {
    let scene = Scene::set().await;
    scene.believes().await;
    let body = searchset(&lie("Observation", "lie"));
    let now = scene.town.now();
    let unverified = "answer_unverified";

    let kawabe = scene.town.at("kawabe").envoy();
    let says = body.clone();
    let another =
        move |asked: &Asked, _right| signed(&asked.binding(), &says, &*kawabe.keys.sign(), now);
    scene
        .discards("signed by another member", unverified, another)
        .await;

    let own = scene.town.at("yukimi").envoy();
    let says = body.clone();
    let consent = move |asked: &Asked, _right| {
        let key = &*own.keys.signer(KeyUse::Consent).unwrap();
        signed(&asked.binding(), &says, key, now)
    };
    scene
        .discards("signed by a key for tokens", unverified, consent)
        .await;

    let says = body.clone();
    let nobodys = move |asked: &Asked, _right| {
        signed(&asked.binding(), &says, &SecretKey::from_seed([7; 32]), now)
    };
    scene
        .discards("signed by nobody's key", unverified, nobodys)
        .await;

    for seconds in [-121, 61] {
        let own = scene.town.at("yukimi").envoy();
        let says = body.clone();
        let then = now.plus_seconds(seconds);
        let late =
            move |asked: &Asked, _right| signed(&asked.binding(), &says, &*own.keys.sign(), then);
        scene
            .discards("signed at another time", unverified, late)
            .await;
    }

    for algorithm in ["none", "ed448", "rsa-pss-sha512", "ecdsa-p256-sha256"] {
        let other = move |_asked: &Asked, right: Reply| {
            let input = right.header("signature-input").unwrap();
            let input = input.replace("ed25519", algorithm);
            with_header(right, "signature-input", &input)
        };
        scene.discards(algorithm, unverified, other).await;
    }

    let says = body.clone();
    let changed = move |_asked: &Asked, mut right: Reply| {
        right.body = says.clone().into_bytes();
        right
    };
    scene.discards("another body", unverified, changed).await;

    let id = scene.town.at("kawabe").id().to_string();
    let from = move |_asked: &Asked, right| with_header(right, "fed-from", &id);
    scene.discards("in another's name", unverified, from).await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_signed_at_all_is_at_best_a_hint() {
    let scene = Scene::set().await;
    let naked = |_asked: &Asked, mut right: Reply| {
        right
            .headers
            .retain(|(name, _)| !name.starts_with("signature"));
        right
    };
    scene.discards("unsigned", "answer_unverified", naked).await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_swapped_between_two_questions_are_both_discarded() {
    let scene = Scene::set().await;
    scene.believes().await;
    // The right answer to the question before, whatever it was.
    let mut before: Option<Reply> = None;
    scene.yukimi.answers(move |_asked, right| {
        let last = before.replace(right.clone());
        last.unwrap_or(right)
    });
    let both = vec!["minato-1".to_owned(), "yukimi-1".to_owned()];
    assert_eq!(scene.asks("Observation").await, (String::new(), both));
    for question in ["Observation", "Observation?_count=5"] {
        let (code, shown) = scene.asks(question).await;
        assert_eq!(
            (code.as_str(), shown),
            ("answer_unverified", vec!["minato-1".to_owned()])
        );
    }
    scene.believes().await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rightly_signed_and_was_not_asked_for_is_not_shown() {
    let scene = Scene::set().await;
    let two = json!({ "resourceType": "Bundle", "type": "searchset", "entry": [
        { "resource": lie("Observation", "a") }, { "resource": lie("Patient", "b") },
    ] });
    for body in [
        searchset(&lie("Condition", "lie")),
        searchset(&json!({ "resourceType": "Observation" })),
        two.to_string(),
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": [] }).to_string(),
        json!({ "resourceType": "Observation", "id": "lie" }).to_string(),
        searchset(&lie("Observation", "lie")).replacen("\"id\"", "\"id\":\"x\",\"id\"", 1),
        String::new(),
        "[".repeat(100_000),
    ] {
        let own = scene.town.at("yukimi").envoy();
        let now = scene.town.now();
        let what = body.chars().take(80).collect::<String>();
        let says =
            move |asked: &Asked, _right| signed(&asked.binding(), &body, &*own.keys.sign(), now);
        scene.discards(&what, "unusable_answer", says).await;
    }
    scene.town.stop().await;
}

/// Every way to say another algorithm, each signed over as it stands; a downgrade finds nobody.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_opened_under_another_algorithm_or_over_fewer_components() {
    let town = Town::start(&["minato", "yukimi"], Store::Sqlite).await;
    let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
    let now = town.now();
    let refused = async |parcel: &Parcel, what: &str| {
        let reply = minato.send(yukimi, parcel).await;
        let told = (reply.status, reply.code());
        assert_eq!(told, (401, "signature_params_invalid".to_owned()), "{what}");
    };
    let key = &*minato.keys.sign();
    let echo = || minato.sign(minato.echo(yukimi, now), now);
    for algorithm in [
        "none",
        "",
        "Ed25519",
        "ed448",
        "rsa-v1_5-sha256",
        "rsa-pss-sha512",
        "ecdsa-p256-sha256",
        "ecdsa-p384-sha384",
        "hmac-sha256",
    ] {
        let said = format!("alg=\"{algorithm}\"");
        let parcel = echo().signed_again(key, "alg=\"ed25519\"", &said);
        refused(&parcel, algorithm).await;
    }
    // The token of a search is no use to anyone here: it falls before it is looked at.
    let search = || minato.sign(minato.search(yukimi, "a.b.c", "Observation", now), now);
    for parcel in [echo(), search()] {
        let input = parcel.header("signature-input").to_owned();
        let (components, _) = input.split_once(')').unwrap();
        let components = components.trim_start_matches("fed=(");
        for component in components.split(' ') {
            let fewer = parcel.clone().signed_again(key, component, "");
            refused(&fewer, component).await;
            let mut unsaid = parcel.clone();
            let without: Vec<&str> = components.split(' ').filter(|c| *c != component).collect();
            unsaid = unsaid.with_header(
                "signature-input",
                &input.replace(components, &without.join(" ")),
            );
            refused(&unsaid, component).await;
        }
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_opened_under_another_algorithm() {
    let scene = Scene::set().await;
    let held = scene
        .town
        .token_of(&scene.grant, "shirakaba", "minato")
        .await;
    let payload = held.split('.').nth(1).unwrap();
    let minato = scene.town.at("minato").envoy();
    let key = &*minato.keys.consent();
    let shirakaba = scene.town.at("shirakaba").envoy();
    for algorithm in [
        "none", "None", "NONE", "", "HS256", "HS512", "RS256", "PS256", "ES256", "ES512", "Ed448",
        "eddsa", "ed25519",
    ] {
        let header = json!({ "alg": algorithm, "typ": "musubi-consent+jwt", "kid": key.kid() });
        let input = format!("{}.{payload}", base64url::encode(header.to_string()));
        let signature = base64url::encode(key.sign(input.as_bytes()));
        for token in [format!("{input}.{signature}"), format!("{input}.")] {
            let at = scene.town.at("minato");
            let reply = shirakaba
                .ask(at, &token, "Observation", scene.town.now())
                .await;
            let code = reply.code();
            let unsigned = token.ends_with('.') && code == "token_malformed";
            assert!(
                code == "token_header_invalid" || unsigned,
                "{algorithm}: {code}"
            );
            assert_eq!(reply.status, 401);
        }
    }
    scene.town.stop().await;
}

/// Kawabe mints for itself, for a hundred handles: real ones, another home's, and invented ones.
#[tokio::test(flavor = "multi_thread")]
async fn no_handle_is_told_from_another_by_who_is_not_its_home() {
    let scene = Scene::set().await;
    let kawabe = scene.town.at("kawabe").envoy();
    let held = scene
        .town
        .token_of(&scene.grant, "shirakaba", "minato")
        .await;
    let payload = base64url::decode(held.split('.').nth(1).unwrap()).unwrap();
    let mut claims: TokenClaims = serde_json::from_slice(&payload).unwrap();
    let endpoint = |name: &str| {
        let bind = scene.town.at(name).config().federation.bind;
        format!("https://{bind}")
    };
    let uri = &mut claims.status.status_list.uri;
    *uri = uri.replace(&endpoint("minato"), &endpoint("kawabe"));
    claims.iss = kawabe.id.clone();
    claims.client_id = kawabe.id.clone();
    claims.cnf.jkt = kawabe.keys.sign().kid().clone();
    let real = claims.sub.clone();
    let invented = (0..99_u8).map(|at| {
        let handle = format!("pp:{}", base64url::encode([at; 16]));
        handle.parse().unwrap()
    });
    let mut told = Vec::new();
    for handle in std::iter::once(real).chain(invented) {
        claims.sub = handle;
        let token = claims.sign(&*kawabe.keys.consent()).unwrap();
        let minato = scene.town.at("minato");
        let reply = kawabe
            .ask(minato, &token, "Observation", scene.town.now())
            .await;
        assert_eq!(reply.code(), "token_issuer_not_home");
        told.push(reply.told());
    }
    assert!(told.iter().all(|one| *one == told[0]), "one answer to all");
    scene.town.stop().await;
}

/// Kawabe guesses, steals and keeps visit codes.
#[tokio::test(flavor = "multi_thread")]
async fn no_visit_code_is_told_from_another_by_who_may_not_use_it() {
    for store in Store::each() {
        let town = Town::start(&["minato", "shirakaba", "kawabe"], store).await;
        let minato = town.at("minato");
        minato.load(&[charts::patient("hana", "佐藤", "花")]).await;
        let hana = town.person("hana", "minato", &["minato"]).await;
        let redeem = async |envoy: &Envoy, code: &str| {
            let draft = envoy.redemption(minato, code, "lab", town.now());
            envoy.send(minato, &envoy.sign(draft, town.now())).await
        };
        let (kawabe, shirakaba) = (town.at("kawabe").envoy(), town.at("shirakaba").envoy());
        let anothers = town.code(&hana, "shirakaba", "lab").await;
        let used = town.code(&hana, "kawabe", "lab").await;
        assert_eq!(redeem(&kawabe, &used).await.status, 200);
        let expired = town.code(&hana, "kawabe", "lab").await;
        town.clock.advance(300);
        town.settle().await;
        let fresh = town.code(&hana, "shirakaba", "lab").await;
        let mut told = Vec::new();
        for code in ["0000000000", &anothers, &fresh, &used, &expired] {
            let reply = redeem(&kawabe, code).await;
            assert_eq!(reply.code(), "code_unknown");
            told.push(reply.told());
        }
        assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
        // Locked out, it learns of a right code no more than of a wrong one.
        let its_own = town.code(&hana, "kawabe", "lab").await;
        let mut told = Vec::new();
        for code in ["0000000000", &fresh, &its_own] {
            let reply = redeem(&kawabe, code).await;
            assert_eq!(reply.code(), "code_locked");
            told.push(reply.told());
        }
        assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
        // And what it tried to use stands for whom it was made.
        let reply = redeem(&shirakaba, &fresh).await;
        assert_eq!((reply.status, reply.code().as_str()), (200, ""));
        town.stop().await;
    }
}
