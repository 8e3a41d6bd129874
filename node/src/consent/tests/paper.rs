//! Codes on paper: what they open with a witness, and what a lost sheet is worth.

use federation_protocol::grants::Witness;
use federation_protocol::token::{Acr, ParsedToken};

use super::*;

fn witness() -> Witness {
    Witness {
        id: "ns-7".into(),
        role: "nurse".into(),
        text: [5; 32],
        until: NOW.plus_seconds(30 * 24 * HOUR),
    }
}

fn on_paper(by: &SampleMember, code: &PlainCode) -> Redemption {
    let mut redemption = redemption(by, code.as_str());
    redemption.request.witness = Some(witness());
    redemption
}

impl Home {
    async fn sheet(&self) -> NewSheet {
        let yukimi = vec![self.yukimi.id.clone()];
        let of = (&hana(), "Patient/hana");
        self.consents
            .make_sheet(of, yukimi, &links(), ("registrar", Some("r-1".into())))
            .await
            .unwrap()
    }
}

#[actix_web::test]
async fn a_paper_code_opens_little_for_twelve_hours_and_the_person_sees_who_saw_them() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let sheet = home.sheet().await;
        assert_eq!(sheet.codes.len(), CODES_ON_A_SHEET);
        let granted = home
            .redeem(on_paper(&home.shirakaba, &sheet.codes[0]))
            .await
            .unwrap();
        assert_eq!(granted.tokens.len(), 1);
        assert_eq!(granted.expires, NOW.plus_seconds(12 * HOUR));
        let token = ParsedToken::parse(&granted.tokens[0].token).unwrap();
        let signed = token.check_signature(&*home.membership, NOW).unwrap();
        assert_eq!(signed.claims().acr, Acr::Counter);
        assert_eq!(signed.claims().prac, Some(doctor()));

        let uses = home.consents.paper_uses(&hana()).await.unwrap();
        assert_eq!(uses.len(), 1);
        assert_eq!(uses[0].requester, home.shirakaba.id);
        assert_eq!(uses[0].witness, ("ns-7".to_owned(), "nurse".to_owned()));
        assert_eq!(uses[0].text, [5; 32]);
        let line = home
            .audit()
            .await
            .into_iter()
            .find(|line| line.outcome == "paper_redeemed");
        let line = line.unwrap();
        assert_eq!(line.detail["witness"], "ns-7");
        let raw = home
            .consents
            .read(&uses[0].directive)
            .await
            .unwrap()
            .unwrap()
            .raw;
        assert!(raw.contains("\"N\"") && !raw.contains("\"R\""), "{raw}");

        home.consents.withdraw(&uses[0].directive).await.unwrap();
        let back = home.redeem(comeback(&home.shirakaba, &granted.grant)).await;
        assert_eq!(back, Err(Refusal::ConsentNotGranted));
    })
    .await;
}

#[actix_web::test]
async fn a_paper_grant_ends_after_twelve_hours_whatever_the_screen_said() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let sheet = home.sheet().await;
        let granted = home
            .redeem(on_paper(&home.shirakaba, &sheet.codes[0]))
            .await
            .unwrap();
        home.clock.advance(12 * HOUR);
        let back = home.redeem(comeback(&home.shirakaba, &granted.grant)).await;
        assert_eq!(back, Err(Refusal::ConsentNotGranted));
    })
    .await;
}

#[actix_web::test]
async fn a_used_a_revoked_an_expired_and_a_wrong_paper_code_are_all_alike() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let unknown = Err(Refusal::CodeUnknown);
        let sheet = home.sheet().await;
        assert!(
            home.redeem(on_paper(&home.shirakaba, &sheet.codes[0]))
                .await
                .is_ok()
        );
        let used = home
            .redeem(on_paper(&home.shirakaba, &sheet.codes[0]))
            .await;
        assert_eq!(used, unknown);
        let bare = home
            .redeem(redemption(&home.shirakaba, sheet.codes[1].as_str()))
            .await;
        assert_eq!(bare, unknown, "without a witness it is no code");
        assert!(
            !home
                .consents
                .revoke_sheet(&taro(), &sheet.id)
                .await
                .unwrap()
        );
        assert!(
            home.consents
                .revoke_sheet(&hana(), &sheet.id)
                .await
                .unwrap()
        );
        let revoked = home
            .redeem(on_paper(&home.shirakaba, &sheet.codes[1]))
            .await;
        assert_eq!(revoked, unknown);
        assert!(
            home.consents.sheets(&hana()).await.unwrap()[0]
                .revoked_at
                .is_some()
        );
        let late = home.sheet().await;
        home.clock.advance(366 * 24 * HOUR);
        let late = home.redeem(on_paper(&home.yukimi, &late.codes[0])).await;
        assert_eq!(late, unknown);
    })
    .await;
}

#[actix_web::test]
async fn a_visit_code_is_no_paper_code_and_wrong_ones_lock_the_requester() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let code = home.code(decision(&home.shirakaba)).await;
        let spoken = PlainCode::read(&code.spoken());
        for _try in 0..5 {
            let refused = home.redeem(on_paper(&home.shirakaba, &spoken)).await;
            assert_eq!(refused, Err(Refusal::CodeUnknown));
        }
        let sheet = home.sheet().await;
        let locked = home
            .redeem(on_paper(&home.shirakaba, &sheet.codes[0]))
            .await;
        assert_eq!(locked, Err(Refusal::CodeLocked));
    })
    .await;
}

#[actix_web::test]
async fn a_found_sheet_opens_nothing_at_home_nothing_else_than_care_and_little_a_day() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let sheet = home.sheet().await;
        let own = home.redeem(on_paper(&home.minato, &sheet.codes[0])).await;
        assert_eq!(own, Err(Refusal::PatientEvidenceMissing));
        let mut research = on_paper(&home.shirakaba, &sheet.codes[0]);
        research.request.purpose = Purpose::Hresch;
        assert_eq!(home.redeem(research).await, Err(Refusal::ConsentNotGranted));
        let mut nobody = on_paper(&home.shirakaba, &sheet.codes[0]);
        nobody.request.practitioner = None;
        assert_eq!(
            home.redeem(nobody).await,
            Err(Refusal::PractitionerMismatch)
        );
        let mut ended = on_paper(&home.shirakaba, &sheet.codes[0]);
        ended.request.witness.as_mut().unwrap().until = NOW;
        assert_eq!(home.redeem(ended).await, Err(Refusal::ConsentNotGranted));
        for code in &sheet.codes[..3] {
            assert!(home.redeem(on_paper(&home.shirakaba, code)).await.is_ok());
        }
        let fourth = home.redeem(on_paper(&home.yukimi, &sheet.codes[3])).await;
        assert_eq!(fourth, Err(Refusal::CodeLocked));
        home.clock.advance(24 * HOUR);
        assert!(
            home.redeem(on_paper(&home.shirakaba, &sheet.codes[3]))
                .await
                .is_ok()
        );
    })
    .await;
}

#[actix_web::test]
async fn a_sheet_is_for_linked_hospitals_alone() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let stranger = vec![MemberId::from_code("0110000009").unwrap()];
        let of = (&hana(), "Patient/hana");
        let refused = home
            .consents
            .make_sheet(of, stranger, &links(), ("person", None))
            .await;
        assert!(matches!(refused, Err(ConsentError::NoLink(_))));
        let refused = home
            .consents
            .make_sheet(of, Vec::new(), &links(), ("person", None))
            .await;
        assert!(matches!(refused, Err(ConsentError::Refused(_))));
    })
    .await;
}
