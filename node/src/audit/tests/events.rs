use federation_protocol::purpose::Purpose;
use fhir_validation::{Definitions, Severity, validate};
use serde_json::{Value, json};

use super::*;
use crate::database::testing::on_each_async;

fn observer() -> Observer {
    Observer {
        member: ME.to_owned(),
        name: "みなと病院".to_owned(),
    }
}

async fn told(database: Database, lines: Vec<Line>) -> Vec<Value> {
    let audit = Audit::new(database);
    for line in lines {
        audit.append(line).await.unwrap();
    }
    let lines = audit.list(Filter::default()).await.unwrap();
    lines.iter().map(|line| event(line, &observer())).collect()
}

#[actix_web::test]
async fn a_line_of_every_kind_is_a_valid_audit_event() {
    on_each_async(async |database| {
        let acts = [
            "read",
            "search",
            "history",
            "everything",
            "write",
            "transaction",
            "",
        ];
        let lines = Kind::ALL.into_iter().flat_map(|kind| {
            acts.map(|act| {
                let line = Line::new(kind, at(1), "physician")
                    .actor_id("dr-1")
                    .detail("act", act);
                line.peer(&"urn:musubi:member:0110000003".parse().unwrap())
                    .purpose(Purpose::Treat)
                    .patient(crate::database::Rid(7))
                    .person("6f1c")
                    .exchange(&"0197f4a0-0000-7000-8000-000000000001")
                    .shown(1)
                    .withheld(2)
                    .detail("resource", "Observation/17")
                    .detail("type", "Observation")
            })
        });
        let bare = Kind::ALL
            .into_iter()
            .map(|kind| Line::new(kind, at(1), "system"));
        let events = told(database, lines.chain(bare).collect()).await;
        let definitions = Definitions::shipped();
        for event in &events {
            let issues = validate(&definitions, event);
            let bad: Vec<_> = issues
                .iter()
                .filter(|issue| issue.severity == Severity::Error)
                .collect();
            assert!(bad.is_empty(), "{event:#}: {bad:?}");
        }
    })
    .await;
}

#[actix_web::test]
async fn a_profile_is_claimed_where_its_demands_are_met_and_nowhere_else() {
    on_each_async(async |database| {
        let of = |kind, act: &str| {
            Line::new(kind, at(1), "physician")
                .patient(crate::database::Rid(7))
                .detail("act", act)
                .detail("resource", "Observation/17")
        };
        let lines = vec![
            of(Kind::Read, "read"),
            of(Kind::Read, "search"),
            of(Kind::Read, "read").outcome("forbidden"),
            of(Kind::Disclosure, ""),
            of(Kind::Refusal, "").outcome("token_revoked"),
        ];
        let events = told(database, lines).await;
        let profile = |at: usize| {
            let profile = events[at]["meta"]["profile"][0].as_str().unwrap_or("none");
            profile.rsplit('/').next().unwrap().to_owned()
        };
        assert_eq!(profile(0), "IHE.BasicAudit.PatientRead");
        assert_eq!(profile(1), "IHE.BasicAudit.PatientQuery");
        assert_eq!(profile(2), "none");
        assert_eq!(profile(3), "IHE.BasicAudit.PrivacyDisclosure.Source");
        assert_eq!(profile(4), "none");
        assert_eq!(events[4]["outcome"], "8");
        assert_eq!(events[4]["outcomeDesc"], "token_revoked");
        // BALP: the observer of a disclosure at its source is the source.
        assert_eq!(events[3]["agent"][0]["who"], events[3]["source"]["observer"]);
        assert_eq!(events[3]["agent"][0]["type"]["coding"][0]["code"], "110153");
        assert_eq!(
            events[3]["entity"][0]["role"],
            json!({ "system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1", "display": "Patient" })
        );
    })
    .await;
}
