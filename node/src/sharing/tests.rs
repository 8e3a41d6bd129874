#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use federation_protocol::category::{Category, Scope};
use federation_protocol::consent::{ConsentKind, Provision, ProvisionType};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::sample::NOW;
use proptest::prelude::*;

use super::{Order, Shown};
use crate::consent::testing::Home;
use crate::consent::{ConsentError, Subject};
use crate::database::testing::on_each_async;
use crate::identity::PersonId;

fn hana() -> PersonId {
    "6f1c2b1e-0000-4000-8000-000000000001".parse().unwrap()
}

fn order(kinds: Scope) -> Order {
    Order {
        member: MemberId::from_code("0110000003").unwrap(),
        purpose: Purpose::Treat,
        kinds,
        sensitive: false,
        until: Some("2027-03-31".into()),
    }
}

async fn given(home: &Home, kind: ConsentKind, root: Provision, nested: Vec<Provision>) -> Shown {
    let name = |member: &MemberId| member.to_string();
    let draft = home
        .consents
        .draft(kind, "Patient/hana", root, nested, &name);
    let subject = Subject::Person(hana());
    let id = home.consents.give(subject, draft).await.unwrap().id;
    let stored = home.consents.read(&id).await.unwrap().unwrap();
    Shown::of(&stored).unwrap()
}

#[actix_web::test]
async fn what_the_grid_writes_it_reads_back_as_the_same_row() {
    on_each_async(async |database| {
        let home = Home::on(database);
        for (kinds, sensitive, until) in [
            (Scope::ALL, true, None),
            (Scope::EMPTY.with(Category::Lab), false, Some("2027-03-31")),
            (Scope::EMPTY, false, None),
        ] {
            let order = Order {
                sensitive,
                until: until.map(ToOwned::to_owned),
                ..order(kinds)
            };
            let root = order.provision(NOW).unwrap();
            let Shown::Row(row) = given(&home, order.kind(), root, Vec::new()).await else {
                panic!("not a row")
            };
            assert!(order.is_about(&row));
            assert_eq!(row.is_permit, !kinds.is_empty());
            if row.is_permit {
                assert_eq!((row.kinds, row.sensitive), (kinds, sensitive));
                assert_eq!(row.until.as_deref(), until);
            }
        }
    })
    .await;
}

#[actix_web::test]
async fn what_a_row_cannot_say_is_shown_as_it_stands() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let root = order(Scope::ALL).provision(NOW).unwrap();
        let except = Provision::any(ProvisionType::Deny);
        let nested = vec![Provision {
            criteria: root.criteria.clone(),
            ..except
        }];
        let kind = ConsentKind::ShareCare;
        assert_eq!(
            given(&home, kind, root.clone(), nested).await,
            Shown::AsItIs
        );
        let mut two = root.clone();
        two.purposes.push(Purpose::Etreat);
        assert_eq!(given(&home, kind, two, Vec::new()).await, Shown::AsItIs);
    })
    .await;
}

#[test]
fn a_last_day_that_is_over_or_no_day_is_refused() {
    for until in ["2020-01-01", "2027", "soon", "2027-02-31"] {
        let order = Order {
            until: Some(until.into()),
            ..order(Scope::ALL)
        };
        let refused = order.provision(NOW);
        assert!(matches!(refused, Err(ConsentError::Ended)), "{until}");
    }
}

proptest! {
    #[test]
    fn a_last_day_never_panics(until in ".{0,24}") {
        let order = Order { until: Some(until), ..order(Scope::ALL) };
        let _ = order.provision(NOW);
    }
}
