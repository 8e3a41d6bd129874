#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use federation_protocol::grants::PlainCode;
use federation_protocol::keys::{PublicKey, SecretKey};
use federation_protocol::linking::comparison::{Blind, Commitment, Meeting, Proof};
use federation_protocol::linking::{LinkBegin, LinkBegun, LinkConfirm, LinkMade};
use federation_protocol::refusal::Refusal;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::*;
use crate::audit::{Audit, Filter};
use crate::consent::testing::Home;
use crate::database::testing::on_each_async;
use crate::identity::Role;
use crate::linkage::Linkage;
use crate::linkage::claims::{Claim, ClaimError, Claims, ClaimsParts, HandedIn, Standing};
use crate::records::{ResourceType, Validator};

mod codes;
mod identifiers;

/// Minato's desk, and Yukimi, where Hana is at home. Both nodes share the test's database: their
/// tables do not meet.
struct Counter {
    home: Home,
    records: Records,
    access: Access,
    desk: Desk,
    claims: Claims,
    yukimi: Linkage,
    hana: Caller,
    key: PublicKey,
}

/// Hana's chart: `m` at Minato, `y` at Yukimi.
fn patient(id: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1958-03-14",
        "identifier": [
            {"system": "urn:oid:1.2.392.100495.20.3.51.10110000001", "value": "0012"},
            {"system": "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID",
             "value": "01234567:あい:187:05"},
        ],
        "name": [{"family": "サトウ", "given": ["ハナ"]}],
        "telecom": [{"system": "phone", "value": "011-222-3333"}],
    })
}

fn insured(value: &str) -> Shown {
    Shown::InsuredId {
        value: value.into(),
    }
}

fn said(birth_date: &str, name: &str) -> Shown {
    Shown::BirthAndName {
        birth_date: birth_date.into(),
        name: name.into(),
    }
}

fn both() -> Vec<Shown> {
    vec![
        insured("01234567:あい:187:05"),
        said("1958-03-14", "さとう はな"),
    ]
}

impl Counter {
    async fn on(database: Database) -> Self {
        let home = Home::on(database.clone());
        let access = Access::new(Audit::new(database.clone()), home.clock.clone());
        let clock: SharedClock = home.clock.clone();
        let records = Records::open(
            database.clone(),
            Arc::clone(&clock),
            &home.minato.id,
            Validator::off(),
        );
        let records = records.unwrap();
        let desk = Desk::new(DeskParts {
            me: home.minato.id.clone(),
            clock: Arc::clone(&clock),
            keys: Arc::clone(&home.keys),
            database: database.clone(),
            records: records.clone(),
            access: access.clone(),
        });
        let claims = Claims::new(ClaimsParts {
            me: home.yukimi.id.clone(),
            clock: Arc::clone(&clock),
            keys: Arc::clone(&home.keys),
            database: database.clone(),
            records: records.clone(),
            access: access.clone(),
        });
        let yukimi = Linkage::new(database, clock, home.yukimi.id.clone());
        let mut counter = Self {
            home,
            records,
            access,
            desk,
            claims,
            yukimi,
            hana: Caller::staff(Role::Admin, None).unwrap(),
            key: SecretKey::from_seed([9; 32]).public(),
        };
        counter.put(patient("m")).await;
        counter.put(patient("y")).await;
        let chart = counter.chart("y").await;
        let phone = counter.yukimi.enroll(chart, "y").await.unwrap();
        counter.hana = Caller::Person {
            id: phone.person().clone(),
            patient: chart,
        };
        counter
    }

    async fn put(&self, resource: Value) {
        let caller = Caller::staff(Role::System, Some("his".into())).unwrap();
        let permit = self.access.permit(&caller, Act::Transaction).await.unwrap();
        let address = super::patient(resource["id"].as_str().unwrap()).unwrap();
        assert_eq!(address.kind, ResourceType::named("Patient").unwrap());
        let body = resource.to_string();
        let put = self
            .records
            .update(&permit, &address, body.as_bytes(), None);
        put.await.unwrap();
    }

    async fn chart(&self, id: &str) -> Rid {
        let found = self.records.chart_of(&super::patient(id).unwrap()).await;
        found.unwrap().unwrap()
    }

    fn clerk(&self) -> Caller {
        Caller::staff(Role::Registrar, Some("desk-1".into())).unwrap()
    }

    async fn show(&self, shown: Vec<Shown>) -> Result<NewOffer, DeskError> {
        self.show_for(shown, None).await
    }

    async fn show_for(
        &self,
        shown: Vec<Shown>,
        home: Option<MemberId>,
    ) -> Result<NewOffer, DeskError> {
        let order = Order {
            patient: "m".into(),
            shown,
            home,
        };
        self.desk.offer(&self.clerk(), order).await
    }

    async fn code(&self) -> PlainCode {
        let home = Some(self.home.yukimi.id.clone());
        PlainCode::read(&self.show_for(both(), home).await.unwrap().code.spoken())
    }

    async fn hand_in(&self, code: &PlainCode) -> Result<Standing, ClaimError> {
        let handed_in = HandedIn {
            responder: self.home.minato.id.clone(),
            code: code.clone(),
            device_key: self.key.clone(),
        };
        self.claims.open(&self.hana, handed_in).await
    }

    async fn claim(&self, code: &PlainCode) -> Claim {
        match self.hand_in(code).await.unwrap() {
            Standing::Open(claim) => claim,
            Standing::Linked(_) => panic!("a link already"),
        }
    }

    async fn at_desk<T: Send + 'static>(
        &self,
        home: &MemberId,
        step: impl Fn(&Desk, &mut HospitalConnection, &Visit<'_>) -> Result<Answer<T>, DeskError>
        + Send
        + 'static,
    ) -> Answer<T> {
        let (desk, home, now) = (self.desk.clone(), home.clone(), self.desk.now());
        let work = move |connection: &mut HospitalConnection| {
            let line = Line::new(Kind::Link, now, "system").peer(&home);
            let visit = Visit {
                home: &home,
                line,
                now,
            };
            step(&desk, connection, &visit)
        };
        self.home.database.transact(work).await.unwrap()
    }

    async fn begin_as(&self, home: &MemberId, begin: LinkBegin) -> Answer<LinkBegun> {
        self.at_desk(home, move |desk, connection, visit| {
            desk.begin_in(connection, visit, &begin)
        })
        .await
    }

    async fn begin(&self, begin: LinkBegin) -> Answer<LinkBegun> {
        self.begin_as(&self.home.yukimi.id, begin).await
    }

    async fn confirm(&self, confirm: LinkConfirm) -> Answer<LinkMade> {
        self.at_desk(&self.home.yukimi.id, move |desk, connection, visit| {
            desk.confirm_in(connection, visit, &confirm)
        })
        .await
    }

    /// Both questions; what the home makes of the answers is the test's business.
    async fn asked(&self, claim: &Claim) -> Answer<(LinkMade, Proof)> {
        let begun = self.begin(claim.begin()).await?;
        let (confirm, wanted) = claim.confirm(&self.home.yukimi.id, &begun).unwrap();
        Ok((self.confirm(confirm).await?, wanted))
    }

    async fn take_in(
        &self,
        claim: &Claim,
        (made, wanted): (LinkMade, Proof),
    ) -> Result<(), ClaimError> {
        let taken = self
            .claims
            .take_in(claim, made, &wanted, &self.home.membership);
        taken.await.map(|_linked| ())
    }

    /// What a home says that holds this code and puts in what it likes.
    fn guess(&self, code: &PlainCode, facts: BirthFacts, blind: u8) -> (LinkBegin, Blind) {
        let blind = Blind::of_random(&Zeroizing::new([blind; 64]));
        let begin = LinkBegin {
            code: code.clone(),
            commitment: blind.commit(&self.meeting(code), facts),
            device_key: self.key.clone(),
        };
        (begin, blind)
    }

    fn meeting<'a>(&'a self, code: &'a PlainCode) -> Meeting<'a> {
        Meeting {
            home: &self.home.yukimi.id,
            responder: &self.home.minato.id,
            code,
            device_key: &self.key,
        }
    }

    fn proof(&self, begin: &LinkBegin, blind: &Blind, begun: &LinkBegun) -> LinkConfirm {
        let meeting = self.meeting(&begin.code);
        let proofs = blind.proofs_at_home(&meeting, &begin.commitment, &begun.commitment);
        LinkConfirm {
            code: begin.code.clone(),
            proof: proofs.unwrap().home,
        }
    }

    async fn links(&self) -> usize {
        let links = self.yukimi.links(None).await.unwrap();
        links.iter().filter(|link| link.ended_at.is_none()).count()
    }

    async fn home_links(&self) -> usize {
        let Caller::Person { id, .. } = &self.hana else {
            panic!("not a person");
        };
        self.yukimi.home_links(id).await.unwrap().len()
    }

    async fn outcomes(&self) -> Vec<String> {
        let lines = Audit::new(self.home.database.clone())
            .list(Filter {
                kind: Some(Kind::Link),
                ..Filter::default()
            })
            .await
            .unwrap();
        lines.into_iter().map(|line| line.outcome).collect()
    }
}

const HANA: BirthFacts = BirthFacts {
    year: 1958,
    sex: Sex::Female,
};
