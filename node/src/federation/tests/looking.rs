//! Who looked: told by each hospital of its own log, and proved.

use actix_web::http::Method;
use federation_protocol::accesses::{ACCESSES_PATH, AccessAct, AccessQuestion, AccessReport};
use federation_protocol::link::PatientHandle;
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::Actor;
use federation_protocol::time::Timestamp;
use serde_json::json;

use super::own_view::{at_people, bearer};
use super::town::{Hospital, Town};
use super::*;
use crate::federation::looking::{LookingError, Told};
use crate::identity::Caller;
use crate::linkage::phone::Phone;

async fn caller(town: &Town, phone: &Phone) -> Caller {
    Caller::Person {
        id: phone.person().clone(),
        patient: town.hospitals[HOME].chart("p").await,
    }
}

async fn sealed(town: &Town) {
    for hospital in &town.hospitals {
        let checkpoints = hospital.federation.witnessing().checkpoints();
        checkpoints.seal().await.unwrap();
    }
}

async fn told(town: &Town, caller: &Caller) -> Vec<Told> {
    town.clock.advance(61);
    let looking = town.hospitals[HOME].federation.looking();
    looking.who_looked(caller, true).await.unwrap()
}

/// A person whose records a physician of the asker saw at the answerer.
async fn looked_at(town: &Town) -> (Phone, String) {
    let phone = town.person().await;
    let code = town.code(&phone, ASKER, everything(), &[ANSWERER]).await;
    let (status, grant) = redeem(town, &code, &["lab"]).await;
    assert_eq!(status, 201, "{grant}");
    town.hospitals[ANSWERER].charts(&RESULTS).await;
    let grant = grant["grant"].as_str().unwrap().to_owned();
    let path = format!("/federated/{grant}/fhir/Observation");
    assert_eq!(ask_http(&town.hospitals[ASKER], &path).await.0, 200);
    (phone, grant)
}

#[actix_web::test]
async fn a_person_sees_who_looked_here_and_there_with_its_proof() {
    Town::on_each(3, sees_who_looked).await;
}

async fn sees_who_looked(town: Town) {
    let (phone, grant) = looked_at(&town).await;
    let caller = caller(&town, &phone).await;
    sealed(&town).await;
    let everyone = told(&town, &caller).await;
    assert_eq!(everyone.len(), 3);
    assert!(everyone[0].own && everyone.iter().all(Told::is_proved));
    let there = everyone[2].accesses();
    assert_eq!(there.len(), 1, "{there:?}");
    assert_eq!(there[0].act, AccessAct::Disclosure);
    assert_eq!(there[0].member.as_ref(), Some(&town.hospitals[ASKER].me));
    assert_eq!(there[0].actor.as_deref(), Some("dr-0042"));
    assert_eq!(there[0].purpose, Some(Purpose::Treat));
    assert_eq!(
        (there[0].shown, &there[0].types),
        (Some(2), &vec!["Observation".to_owned()])
    );

    // A try that was refused is told, too.
    let home = &town.hospitals[HOME];
    let subject = crate::consent::Subject::Person(phone.person().clone());
    for directive in home.consents.list(subject).await.unwrap() {
        home.consents.withdraw(&directive.id).await.unwrap();
    }
    town.clock.advance(31);
    let path = format!("/federated/{grant}/fhir/Observation");
    ask_http(&town.hospitals[ASKER], &path).await;
    sealed(&town).await;
    let everyone = told(&town, &caller).await;
    let there = everyone[2].accesses();
    assert_eq!(there[0].act, AccessAct::Refusal);
    assert_eq!(there[0].outcome, "token_revoked");
    assert_eq!(there.len(), 2);
}

#[actix_web::test]
async fn a_hospital_that_is_silent_is_named_and_its_last_word_stays() {
    Town::on_each(3, last_word_stays).await;
}

async fn last_word_stays(town: Town) {
    let (phone, _) = looked_at(&town).await;
    let caller = caller(&town, &phone).await;
    let before = town.hospitals[HOME]
        .federation
        .looking()
        .who_looked(&caller, false)
        .await;
    let before = before.unwrap();
    assert_eq!(before[2].outcome, "not_asked_yet");
    let unsealed = told(&town, &caller).await;
    assert_eq!(unsealed[2].outcome, "refused", "no checkpoint, no proof");
    sealed(&town).await;
    let first = told(&town, &caller).await;
    assert_eq!(first[2].accesses().len(), 1);
    town.hospitals[ANSWERER].stop().await;
    let second = told(&town, &caller).await;
    assert!(!second[2].is_proved());
    assert_eq!(second[2].accesses().len(), 1);
    assert_eq!(second[2].told_at, first[2].told_at);
}

#[actix_web::test]
async fn only_the_home_of_a_link_is_told_and_strangers_hear_of_nothing() {
    let town = Town::of(3).await;
    let (phone, _) = looked_at(&town).await;
    sealed(&town).await;
    let links = town.hospitals[HOME]
        .linkage
        .home_links(phone.person())
        .await
        .unwrap();
    let there = links
        .iter()
        .find(|link| link.responder == town.hospitals[ANSWERER].me);
    let handle = there.unwrap().handle.clone();
    let report = asked(&town, HOME, &handle, Purpose::Patrqt).await.unwrap();
    assert_eq!(report.accesses.len(), 1);
    // Another member with the handle hears what it hears of a handle that is nobody's.
    let foreign = asked(&town, ASKER, &handle, Purpose::Patrqt).await.unwrap();
    let nobody = PatientHandle::from_bytes([9; 16]);
    let nobody = asked(&town, ASKER, &nobody, Purpose::Patrqt).await.unwrap();
    assert_eq!(foreign.accesses, []);
    assert_eq!(foreign, nobody);
    let purpose = asked(&town, HOME, &handle, Purpose::Treat).await;
    assert_eq!(purpose.unwrap_err(), "query_not_allowed");
}

async fn asked(
    town: &Town,
    from: usize,
    handle: &PatientHandle,
    purpose: Purpose,
) -> Result<AccessReport, String> {
    let question = AccessQuestion {
        patient: handle.clone(),
        since: Timestamp::from_unix_seconds(0),
        known: 0,
    };
    let ask = Ask {
        path: ACCESSES_PATH.into(),
        content_type: "application/json",
        purpose,
        actor: Actor::system(),
        consent: None,
        body: serde_json::to_vec(&question).unwrap(),
    };
    let to = &town.hospitals[ANSWERER].me;
    let exchanges = town.hospitals[from].federation.exchanges();
    let answer = exchanges
        .ask(to, &ask, Duration::from_secs(3))
        .await
        .result
        .unwrap();
    match answer.status {
        200 => Ok(AccessReport::from_json(&answer.body).unwrap()),
        _ => Err(Refusal::of_body(&answer.body).unwrap().code().to_owned()),
    }
}

#[actix_web::test]
async fn nobody_but_the_person_asks_who_looked() {
    let town = Town::of(3).await;
    let (phone, _) = looked_at(&town).await;
    let looking = town.hospitals[HOME].federation.looking();
    let staff = Caller::Physician {
        id: phone.person().to_string(),
    };
    let refused = looking.who_looked(&staff, true).await;
    assert!(matches!(refused, Err(LookingError::NotAPerson)));
    let home: &Hospital = &town.hospitals[HOME];
    sealed(&town).await;
    let token = bearer(&town, home, &phone).await;
    let (status, body) = at_people(home, Method::GET, "/api/v1/accesses", &token, None).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body["hospitals"][2]["accesses"][0]["actor"],
        json!("dr-0042")
    );
    assert!(!body.to_string().contains("withheld"));
    let path = "/api/v1/accesses/proof";
    let (status, proof) = at_people(home, Method::GET, path, &token, None).await;
    assert_eq!(status, 200);
    assert_eq!(proof["reports"].as_array().unwrap().len(), 3);
}
