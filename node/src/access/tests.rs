#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use std::time::Duration;

use federation_protocol::category::{Category, Scope};
use federation_protocol::consent::{
    Actor, Context, Criteria, Effective, Provision, ProvisionType, Residual, ResourceFacts,
};
use federation_protocol::label::{Label, Labels};
use federation_protocol::purpose::Purpose;
use federation_protocol::sample::NOW;
use federation_service::clock::ManualClock;

use super::permit::Released::ByToken;
use super::*;
use crate::audit::Filter;
use crate::consent;
use crate::database::testing::{on_each_async, sqlite};
use crate::database::{Database, Rid};
use crate::identity::{PersonId, Role};

fn access(database: &Database) -> Access {
    Access::new(Audit::new(database.clone()), ManualClock::at(NOW))
}

fn person() -> Caller {
    Caller::Person {
        id: PersonId::random(),
        patient: Rid(7),
    }
}

fn everyone() -> Vec<Caller> {
    let staff = Role::ALL.into_iter().filter(|role| *role != Role::Person);
    let staff = staff.map(|role| Caller::staff(role, Some("id-1".into())).unwrap());
    staff.chain([person()]).collect()
}

fn facts(category: Category, labels: Labels) -> ResourceFacts {
    ResourceFacts {
        id: "Observation/1".into(),
        category,
        labels,
        date: None,
        authors: Vec::new(),
        related: Vec::new(),
    }
}

const ACTS: &[Act<'static>] = &[
    Act::Read {
        kind: "Observation",
        id: "1",
        patient: Some(Rid(7)),
    },
    Act::Search {
        kind: "Observation",
        patient: None,
    },
    Act::Write {
        kind: "Observation",
        id: None,
    },
    Act::Transaction,
    Act::Ask {
        practitioner: "id-1",
    },
    Act::Enroll,
    Act::Link,
    Act::Identify { patient: Rid(7) },
    Act::ReadAudit,
    Act::FindPatient,
    Act::ManageTokens,
    Act::History {
        of: "Observation/1",
        patient: Some(Rid(7)),
    },
    Act::Everything {
        of: "Patient/1",
        patient: Some(Rid(7)),
    },
    Act::Export {
        scope: "Patient",
        job: "j",
    },
    Act::Download {
        job: "j",
        file: "Patient.1.ndjson",
    },
    Act::CancelExport { job: "j" },
    Act::Validate {
        kind: "Patient",
        id: None,
        patient: None,
    },
    Act::Import { format: "ndjson" },
    Act::AskInEmergency {
        practitioner: "id-1",
    },
    Act::ReviewEmergencies,
    Act::View {
        under: "g",
        what: "labs",
        patient: None,
    },
    Act::RecordVitals {
        way: "hand",
        of: "Observation/1",
    },
    Act::ManageStaff,
    Act::ManageKeys,
    Act::Observe,
];

#[test]
fn each_role_does_what_it_is_for_and_nothing_else() {
    let mut table = String::new();
    for caller in everyone() {
        let acts = ACTS.iter().filter(|act| act.reach_of(&caller).is_some());
        let acts: Vec<_> = acts.map(Act::as_str).collect();
        table.push_str(&format!(
            "{:9} {}\n",
            caller.role().as_str(),
            acts.join(" ")
        ));
    }
    insta::assert_snapshot!(table, @r"
    physician read search ask history everything validate ask_in_emergency view
    registrar enroll link identify find_patient
    system    read search write transaction ask history everything export download cancel_export validate import
    auditor   read_audit review_emergencies observe
    admin     manage_tokens cancel_export manage_staff observe
    security  review_emergencies manage_keys observe
    observer  observe
    person    read search identify history everything record_vitals
    ");
}

#[test]
fn a_physician_asks_as_nobody_else() {
    let physician = Caller::staff(Role::Physician, Some("dr-1".into())).unwrap();
    assert!(
        Act::Ask {
            practitioner: "dr-1"
        }
        .reach_of(&physician)
        .is_some()
    );
    assert!(
        Act::Ask {
            practitioner: "dr-2"
        }
        .reach_of(&physician)
        .is_none()
    );
}

#[actix_web::test]
async fn every_decision_is_in_the_audit_before_it_is_known() {
    on_each_async(async |database| {
        let access = access(&database);
        let mut decided = 0;
        for caller in everyone() {
            for act in ACTS {
                let _ = access.permit(&caller, *act).await;
                decided += 1;
                let lines = Audit::new(database.clone())
                    .list(Filter::default())
                    .await
                    .unwrap();
                assert_eq!(lines.len(), decided);
                let allowed = act.reach_of(&caller).is_some();
                let last = lines.last().unwrap();
                assert_eq!(last.outcome, if allowed { "ok" } else { "forbidden" });
                assert_eq!(last.actor_role, caller.role().as_str());
            }
        }
    })
    .await;
}

#[actix_web::test]
async fn without_an_audit_there_is_no_permit() {
    use diesel::RunQueryDsl;
    let scratch = sqlite();
    let dropped: Result<usize, DatabaseError> = scratch
        .database
        .transact(|connection| Ok(diesel::sql_query("DROP TABLE audit_line").execute(connection)?))
        .await;
    dropped.unwrap();
    let access = access(&scratch.database);
    for caller in everyone() {
        for act in ACTS {
            assert!(matches!(
                access.permit(&caller, *act).await,
                Err(AccessRefusal::Audit(_))
            ));
        }
    }
}

#[actix_web::test]
async fn a_person_reaches_their_own_chart_without_what_they_were_not_told() {
    let scratch = sqlite();
    let permit = access(&scratch.database)
        .permit(&person(), ACTS[0])
        .await
        .unwrap();
    assert_eq!(permit.patient(), Some(Rid(7)));
    assert!(permit.allows(&facts(Category::Lab, Labels::NONE.with(Label::Psy))));
    assert!(!permit.allows(&facts(Category::Lab, Labels::NONE.with(Label::Nopat))));
    assert!(!permit.allows_writing());
}

#[actix_web::test]
async fn a_person_waits_for_results_as_long_as_the_hospital_says_and_for_nothing_else() {
    let scratch = sqlite();
    let access = access(&scratch.database).releasing(LabRelease::after(Duration::from_secs(60)));
    let permit = access.permit(&person(), ACTS[0]).await.unwrap();
    let lab = facts(Category::Lab, Labels::NONE);
    assert!(permit.holds_back(&lab, NOW));
    assert!(permit.holds_back(&lab, NOW.plus_seconds(-59)));
    assert!(!permit.holds_back(&lab, NOW.plus_seconds(-60)));
    assert!(!permit.holds_back(&facts(Category::Rx, Labels::NONE), NOW));
    let physician = Caller::staff(Role::Physician, Some("id-1".into())).unwrap();
    let permit = access.permit(&physician, ACTS[0]).await.unwrap();
    assert!(!permit.holds_back(&lab, NOW));
}

#[actix_web::test]
async fn a_permit_for_an_act_reads_no_record() {
    let scratch = sqlite();
    let physician = Caller::staff(Role::Physician, Some("id-1".into())).unwrap();
    let permit = access(&scratch.database)
        .permit(&physician, ACTS[4])
        .await
        .unwrap();
    assert!(permit.patient().is_some());
    assert_eq!(permit.categories(), Some([].as_slice()));
    assert!(!permit.allows(&facts(Category::Lab, Labels::NONE)));
    assert!(!permit.allows_writing());
}

#[actix_web::test]
async fn only_a_system_writes() {
    let scratch = sqlite();
    let access = access(&scratch.database);
    let system = Caller::staff(Role::System, Some("ehr".into())).unwrap();
    assert!(
        access
            .permit(&system, Act::Transaction)
            .await
            .unwrap()
            .allows_writing()
    );
    assert!(
        !access
            .permit(&system, ACTS[0])
            .await
            .unwrap()
            .allows_writing()
    );
}

fn context() -> Context {
    Context {
        requester: "urn:musubi:member:0110000003".parse().unwrap(),
        practitioner: None,
        purpose: Purpose::Treat,
        at: NOW,
    }
}

fn everything_of(categories: &[Category], house: &HousePolicy) -> Permit {
    let residual = Residual::from_json(br#"[[{"type":"permit"}]]"#).unwrap();
    let scope = categories.iter().copied().collect();
    let effective = Effective::new(scope, residual, Vec::new(), context());
    Permit::disclosure(Rid(7), ByToken(effective), house.clone(), None)
}

/// What a token for everything may show of a chart with its local directives.
async fn disclosed(database: &Database, patient: Rid) -> Permit {
    let read = database.read(move |connection| consent::local_directives(connection, patient));
    let local: Result<_, DatabaseError> = read.await;
    let residual = Residual::from_json(br#"[[{"type":"permit"}]]"#).unwrap();
    let effective = Effective::new(Scope::ALL, residual, local.unwrap(), context());
    Permit::disclosure(patient, ByToken(effective), HousePolicy::default(), None)
}

#[test]
fn a_peer_reaches_one_chart_and_the_tokens_categories() {
    let permit = everything_of(&[Category::Lab, Category::Rx], &HousePolicy::default());
    assert_eq!(permit.patient(), Some(Rid(7)));
    assert_eq!(
        permit.categories(),
        Some([Category::Lab, Category::Rx].as_slice())
    );
    assert!(permit.allows(&facts(Category::Rx, Labels::NONE)));
    assert!(!permit.allows(&facts(Category::Vital, Labels::NONE)));
    assert!(!permit.allows(&facts(Category::Other, Labels::NONE)));
    assert!(permit.is_disclosure() && !permit.allows_writing());
}

#[test]
fn house_policy_takes_away_what_a_token_gives() {
    let house = HousePolicy {
        withheld_categories: Scope::EMPTY.with(Category::Genomic),
        withheld_labels: Labels::NONE.with(Label::Sdv),
        ..HousePolicy::default()
    };
    let permit = everything_of(&[Category::Lab, Category::Genomic], &house);
    assert_eq!(permit.categories(), Some([Category::Lab].as_slice()));
    assert!(!permit.allows(&facts(Category::Genomic, Labels::NONE)));
    assert!(!permit.allows(&facts(Category::Lab, Labels::NONE.with(Label::Sdv))));
    assert!(permit.allows(&facts(Category::Lab, Labels::NONE)));
}

#[actix_web::test]
async fn a_local_directive_takes_away_until_it_is_withdrawn() {
    on_each_async(async |database| {
        let town = crate::consent::testing::Home::on(database);
        let deny = Provision {
            actors: vec![Actor::Organization(context().requester)],
            criteria: Criteria {
                classes: Some(Scope::EMPTY.with(Category::Rx)),
                ..Criteria::default()
            },
            ..Provision::any(ProvisionType::Deny)
        };
        let reservation = town.reserve(Rid(7), deny).await;
        let lab = facts(Category::Lab, Labels::NONE);
        let rx = facts(Category::Rx, Labels::NONE);
        let permit = disclosed(&town.database, Rid(7)).await;
        assert!(permit.allows(&lab) && !permit.allows(&rx));
        assert!(disclosed(&town.database, Rid(8)).await.allows(&rx));
        town.consents.withdraw(&reservation).await.unwrap();
        assert!(disclosed(&town.database, Rid(7)).await.allows(&rx));
    })
    .await;
}

#[test]
fn nobody_asks_in_an_emergency_but_a_physician_for_themself() {
    let act = |who: &'static str| Act::AskInEmergency { practitioner: who };
    for caller in everyone() {
        let may = act("id-1").reach_of(&caller).is_some();
        assert_eq!(may, caller.role() == Role::Physician, "{:?}", caller.role());
        assert!(act("id-2").reach_of(&caller).is_none());
    }
}

#[test]
fn to_find_out_who_is_meant_opens_patients_and_coverages_alone() {
    let permit = match_in_emergency();
    let of = |id: &str| ResourceFacts {
        id: id.into(),
        ..facts(Category::Lab, Labels::default())
    };
    assert!(permit.allows(&of("Patient/1")) && permit.allows(&of("Coverage/1")));
    assert!(!permit.allows(&of("Observation/1")) && !permit.allows(&of("PatientX/1")));
    assert!(!permit.allows_writing() && !permit.is_disclosure() && !permit.sees_everything());
}
