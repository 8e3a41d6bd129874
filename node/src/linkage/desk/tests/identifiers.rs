//! What suffices at the desk.

use super::*;

fn telephone() -> Shown {
    Shown::Telephone {
        value: "011-222-3333".into(),
    }
}

fn card() -> Shown {
    Shown::ChartNumber {
        value: "0012".into(),
    }
}

#[actix_web::test]
async fn two_kinds_with_one_of_the_persons_own_give_a_code_and_nothing_less_does() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let family = || insured("01234567:あい:187");
        let name = || said("1958-03-14", "サトウ ハナ");
        for enough in [
            both(),
            vec![card(), telephone()],
            vec![card(), Shown::MyNumberCard {}],
            vec![family(), name()],
        ] {
            assert!(counter.show(enough).await.is_ok());
        }
        for short in [
            vec![],
            vec![family()],
            vec![insured("01234567:あい:187:05")],
            vec![card()],
            vec![name(), name()],
            vec![family(), family()],
        ] {
            let refused = counter.show(short).await;
            assert_eq!(refused.err().unwrap().code(), "identifiers_insufficient");
        }
        for of_a_family in [
            vec![family(), telephone()],
            vec![family(), Shown::MyNumberCard {}],
            vec![telephone(), Shown::MyNumberCard {}],
        ] {
            let refused = counter.show(of_a_family).await;
            assert_eq!(refused.err().unwrap().code(), "identifiers_insufficient");
        }
    })
    .await;
}

#[actix_web::test]
async fn one_thing_that_is_not_the_charts_spoils_all_and_five_tries_lock_the_chart() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let mut wrong = both();
        wrong.push(insured("01234567:あい:187:06"));
        assert!(matches!(
            counter.show(wrong).await,
            Err(DeskError::NotEnough)
        ));
        for day in 1..=5 {
            let said = said(&format!("1958-03-0{day}"), "サトウ ハナ");
            let refused = counter.show(vec![card(), said]).await;
            assert_eq!(refused.err().unwrap().code(), "identifiers_differ");
        }
        assert!(matches!(counter.show(both()).await, Err(DeskError::Locked)));
        counter.home.clock.advance(601);
        assert!(counter.show(both()).await.is_ok());
    })
    .await;
}

#[actix_web::test]
async fn the_other_twin_is_not_taken_for_her_sister() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        for sister in [
            vec![
                insured("01234567:あい:187:06"),
                said("1958-03-14", "サトウ ユイ"),
            ],
            vec![
                insured("01234567:あい:187"),
                said("1958-03-14", "サトウ ユイ"),
            ],
        ] {
            let refused = counter.show(sister).await;
            assert_eq!(refused.err().unwrap().code(), "identifiers_differ");
        }
    })
    .await;
}

#[actix_web::test]
async fn nobody_but_the_desk_gives_codes() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let others = [Role::Physician, Role::System, Role::Auditor, Role::Admin];
        let others = others.map(|role| Caller::staff(role, Some("x".into())).unwrap());
        for caller in others.iter().chain([&counter.hana]) {
            for patient in ["m", "y", "nobody"] {
                let order = Order {
                    patient: patient.into(),
                    shown: both(),
                    home: None,
                };
                let refused = counter.desk.offer(caller, order).await;
                assert_eq!(refused.err().unwrap().code(), "forbidden");
            }
            assert!(counter.desk.offers(caller).await.is_err());
            let code = counter.show(both()).await.unwrap();
            assert!(counter.desk.withdraw(caller, &code.id).await.is_err());
        }
    })
    .await;
}

#[actix_web::test]
async fn a_chart_that_cannot_be_compared_or_was_replaced_gets_no_code() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let mut chart = patient("m");
        chart["gender"] = json!("unknown");
        counter.put(chart.clone()).await;
        assert!(matches!(
            counter.show(both()).await,
            Err(DeskError::Incomplete)
        ));
        chart["gender"] = json!("female");
        chart["link"] = json!([{"other": {"reference": "Patient/y"}, "type": "replaced-by"}]);
        counter.put(chart).await;
        assert!(matches!(
            counter.show(both()).await,
            Err(DeskError::Replaced)
        ));
        let order = Order {
            patient: "nobody".into(),
            shown: both(),
            home: None,
        };
        let refused = counter.desk.offer(&counter.clerk(), order).await;
        assert!(matches!(refused, Err(DeskError::NoChart)));
    })
    .await;
}

#[actix_web::test]
async fn the_audit_says_what_kinds_were_shown_and_never_what_they_said() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        counter.show(both()).await.unwrap();
        let lines = Audit::new(counter.home.database.clone());
        let lines = lines.list(Filter::default()).await.unwrap();
        let text = format!("{lines:?}");
        assert!(text.contains("insured_id birth_and_name"));
        for value in ["1958", "187", "はな", "ハナ"] {
            assert!(!text.contains(value), "{value} stands in the audit");
        }
    })
    .await;
}
