#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod codes;
mod directives;
mod paper;
mod pending;
mod revocations;
mod tokens;

use federation_protocol::category::{Category, Scope};
use federation_protocol::consent::{LabelTerms, Practitioner};
use federation_protocol::grants::{GrantAnswer, GrantReply, GrantRequest, PlainCode, ShownCode};
use federation_protocol::keys::SecretKey;
use federation_protocol::link::PatientHandle;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::sample::{NOW, SampleMember};

use super::testing::Home;
use super::*;
use crate::audit::{Audit, Filter, Recorded};
use crate::database::testing::on_each_async;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

fn hana() -> PersonId {
    "6f1c2b1e-0000-4000-8000-000000000001".parse().unwrap()
}

fn taro() -> PersonId {
    "6f1c2b1e-0000-4000-8000-000000000002".parse().unwrap()
}

fn doctor() -> Practitioner {
    Practitioner {
        id: "dr-0042".into(),
        role: "physician".into(),
    }
}

fn device() -> SecretKey {
    SecretKey::from_seed([42; 32])
}

fn of(categories: &[Category]) -> Scope {
    categories.iter().copied().collect()
}

/// Hana is known at Yukimi and at Shirakaba, and at her home Minato.
fn links() -> Vec<HomeLink> {
    ["0110000001", "0110000002", "0110000003"]
        .into_iter()
        .zip(1..)
        .map(|(code, seed)| HomeLink {
            responder: MemberId::from_code(code).unwrap(),
            handle: PatientHandle::from_bytes([seed; 16]),
            device_key: device().public(),
        })
        .collect()
}

fn links_of(
    _connection: &mut HospitalConnection,
    _person: &PersonId,
) -> Result<Vec<HomeLink>, DatabaseError> {
    Ok(links())
}

/// Hana lets `requester` see lab and rx of Yukimi, for treatment, for a day.
fn decision(requester: &SampleMember) -> Decision {
    Decision {
        person: hana(),
        patient: "Patient/hana".into(),
        requester: requester.id.clone(),
        practitioner: None,
        purpose: Purpose::Treat,
        categories: of(&[Category::Lab, Category::Rx]),
        labels: LabelTerms {
            normal: true,
            ..LabelTerms::default()
        },
        ends_at: NOW.plus_seconds(24 * HOUR),
        responders: vec![TickedResponder {
            responder: MemberId::from_code("0110000002").unwrap(),
            evidence: None,
        }],
    }
}

fn redemption(by: &SampleMember, code: &str) -> Redemption {
    Redemption {
        exchange: "0197f4a0-0000-7000-8000-000000000001".into(),
        requester: by.id.clone(),
        requester_key: by.sign.kid().clone(),
        request: GrantRequest {
            code: Some(PlainCode::read(code)),
            pending: None,
            grant_id: None,
            purpose: Purpose::Treat,
            categories: vec![Category::Lab, Category::Rx],
            practitioner: Some(doctor()),
            name: None,
            witness: None,
        },
    }
}

fn comeback(by: &SampleMember, grant: &str) -> Redemption {
    let mut redemption = redemption(by, "");
    redemption.request.code = None;
    redemption.request.grant_id = Some(grant.to_owned());
    redemption
}

impl Home {
    async fn code(&self, decision: Decision) -> ShownCode {
        let membership = Arc::clone(&self.membership);
        self.consents
            .create_code(decision, links(), membership)
            .await
            .unwrap()
    }

    /// What a code that was decided beforehand, or a grant, brings.
    async fn redeem(&self, redemption: Redemption) -> Result<GrantReply, Refusal> {
        let answer = self.hand_in(redemption).await;
        answer.map(|answer| answer.granted().unwrap())
    }

    async fn hand_in(&self, redemption: Redemption) -> Answer {
        let membership = Arc::clone(&self.membership);
        self.consents
            .redeem(redemption, links_of, membership)
            .await
            .unwrap()
    }

    /// A fresh code of `decision`, redeemed by Shirakaba's physician.
    async fn granted(&self, decision: Decision) -> GrantReply {
        let code = self.code(decision).await;
        self.redeem(redemption(&self.shirakaba, code.scanned()))
            .await
            .unwrap()
    }

    async fn audit(&self) -> Vec<Recorded> {
        Audit::new(self.database.clone())
            .list(Filter::default())
            .await
            .unwrap()
    }
}
