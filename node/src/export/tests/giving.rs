//! What is in the files of an export, and what is not.

use super::*;

#[actix_web::test]
async fn an_export_has_every_chart_and_what_it_refers_to_and_nothing_else() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let whole = site.exported(Scope::Everyone, asked(&[])).await;
        assert_eq!(whole, set(&EVERYTHING));
        let kinds = asked(&[("_type", "Condition,Practitioner")]);
        let some = site.exported(Scope::Everyone, kinds).await;
        let expected = ["Condition/cold", "Practitioner/kimura", "Practitioner/sato"];
        assert_eq!(some, set(&expected));
        let filtered = asked(&[
            ("_type", "Observation,Patient"),
            (
                "_typeFilter",
                "Observation?code=h1,Observation?performer=Practitioner/kimura",
            ),
        ]);
        let some = site.exported(Scope::Everyone, filtered).await;
        let expected = ["Observation/h1", "Observation/h3", "Observation/k1"];
        assert_eq!(
            some,
            set(&[&expected[..], &["Patient/hana", "Patient/ken"]].concat())
        );
    })
    .await;
}

#[actix_web::test]
async fn a_groups_export_has_the_charts_of_its_members_as_they_were() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let ken = [
            "Condition/cold",
            "Observation/k1",
            "Patient/ken",
            "Practitioner/kimura",
        ];
        assert_eq!(site.exported(group("clinic"), asked(&[])).await, set(&ken));

        let (job, permit) = site.accepted(group("clinic"), asked(&[])).await;
        site.put(
            &json!({"resourceType": "Group", "id": "clinic", "type": "person", "actual": true,
                         "member": [{"entity": {"reference": "Patient/hana"}}]}),
        )
        .await;
        let id = job.id.clone();
        to_the_end(site.run(job, permit)).await;
        assert_eq!(site.addresses(&id).await, set(&ken));

        let body = json!({"resourceType": "Parameters", "parameter": [
            {"name": "patient", "valueReference": {"reference": "Patient/ken"}}
        ]});
        let of_ken = Asked::by_parameters(body.to_string().as_bytes(), Handling::Strict).unwrap();
        assert_eq!(
            site.exported(Scope::Everyone, of_ken.clone()).await,
            set(&ken)
        );
        // Ken is no member any more.
        assert_eq!(site.exported(group("clinic"), of_ken).await, set(&[]));
    })
    .await;
}

#[actix_web::test]
async fn what_changes_while_an_export_is_made_is_exported_as_it_was() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let (job, permit) = site.accepted(Scope::Everyone, asked(&[])).await;
        let id = job.id.clone();
        let mut run = site.run(job, permit);
        let mut number = 0;
        while run.step().await.unwrap() == Step::More {
            number += 1;
            let mut changed = lab("h2", "hana", "idle");
            changed["status"] = json!("amended");
            match number % 4 {
                0 => site.put(&changed).await,
                1 => site.delete("Observation/h3").await,
                2 => {
                    site.put(&lab(&format!("new{number}"), "hana", "idle"))
                        .await
                }
                _ => {
                    site.put(
                        &json!({"resourceType": "Practitioner", "id": "sato", "active": false}),
                    )
                    .await;
                }
            }
        }
        assert_eq!(site.addresses(&id).await, set(&EVERYTHING));
        let (lines, _) = site.lines(&id).await;
        assert!(
            lines
                .iter()
                .all(|line| !line.contains("amended") && !line.contains("active\":false"))
        );
    })
    .await;
}

#[actix_web::test]
async fn the_next_export_since_this_one_has_what_changed_and_tells_what_was_deleted() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        site.clock.advance(60);
        let (first, permit) = site.accepted(Scope::Everyone, asked(&[])).await;
        let since = first.transaction_time.to_string();
        to_the_end(site.run(first, permit)).await;

        site.put(&lab("h2", "hana", "sato")).await;
        site.put(&json!({"resourceType": "Organization", "id": "minato", "name": "港"}))
            .await;
        site.delete("Observation/h3").await;
        let (job, permit) = site
            .accepted(Scope::Everyone, asked(&[("_since", &since)]))
            .await;
        let id = job.id.clone();
        to_the_end(site.run(job, permit)).await;
        let expected = ["Bundle/", "Observation/h2", "Organization/minato"];
        assert_eq!(site.addresses(&id).await, set(&expected));
        let (lines, names) = site.lines(&id).await;
        assert!(names.contains("deleted.Bundle.1.ndjson"));
        assert!(
            lines
                .iter()
                .any(|line| line.contains("\"url\":\"Observation/h3\""))
        );
    })
    .await;
}

#[actix_web::test]
async fn an_export_holds_nothing_that_its_permit_does_not_allow() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let mut untold = lab("untold", "hana", "sato");
        untold["meta"] = json!({"security": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"
        }]});
        site.put(&untold).await;
        let hana = Address::parse("Patient/hana").unwrap();
        let person = Caller::Person {
            id: crate::identity::PersonId::random(),
            patient: site.records.chart_of(&hana).await.unwrap().unwrap(),
        };
        let own = Act::Search {
            kind: "Patient",
            patient: None,
        };
        let (job, house) = site.accepted(Scope::Everyone, asked(&[])).await;
        let id = job.id.clone();
        let theirs = site.access.permit(&person, own).await.unwrap();
        to_the_end(site.run(job, theirs)).await;
        let hers = [
            "Observation/h1",
            "Observation/h2",
            "Observation/h3",
            "Patient/hana",
        ];
        assert_eq!(site.addresses(&id).await, set(&hers));

        // For the hospital itself nothing is left out.
        let (job, _) = site.accepted(Scope::Everyone, asked(&[])).await;
        let id = job.id.clone();
        to_the_end(site.run(job, house)).await;
        let whole = site.addresses(&id).await;
        assert_eq!(
            whole,
            set(&[&EVERYTHING[..], &["Observation/untold"]].concat())
        );
    })
    .await;
}
