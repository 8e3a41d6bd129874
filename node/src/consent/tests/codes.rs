//! Visit codes: what they open, and what attacks on them get.

use super::*;

#[actix_web::test]
async fn a_code_opens_one_token_for_each_ticked_hospital_and_no_other() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let code = home.code(decision(&home.shirakaba)).await;
        let reply = home
            .redeem(redemption(&home.shirakaba, &code.spoken()))
            .await
            .unwrap();
        let responders: Vec<_> = reply.tokens.iter().map(|one| &one.responder).collect();
        assert_eq!(responders, [&home.yukimi.id]);
        assert_eq!(reply.home, home.minato.id);
        assert_eq!(reply.expires, NOW.plus_seconds(12 * HOUR));
        let written = home.consents.list(Subject::Person(hana())).await.unwrap();
        assert_eq!(written.len(), 1);
        assert!(written[0].raw.contains("dr-0042"));
        let outcomes: Vec<_> = home
            .audit()
            .await
            .into_iter()
            .map(|line| (line.kind, line.outcome))
            .collect();
        let expected = [
            ("grant", "code_created"),
            ("grant", "code_redeemed"),
            ("token_minted", "ok"),
        ];
        assert_eq!(
            outcomes,
            expected.map(|(kind, outcome)| (kind.into(), outcome.into()))
        );
    })
    .await;
}

/// A clock that runs: each look is 700 µs after the one before.
struct Running(std::sync::atomic::AtomicI64);

impl federation_service::clock::Clock for Running {
    fn now(&self) -> Timestamp {
        let looks = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Timestamp::from_micros(NOW.micros() + looks * 700)
    }
}

#[actix_web::test]
async fn a_code_opens_what_was_decided_though_the_clock_runs_meanwhile() {
    on_each_async(async |database| {
        let mut home = Home::on(database);
        home.consents = Consents::new(
            home.database.clone(),
            Arc::new(Running(std::sync::atomic::AtomicI64::new(0))),
            Arc::clone(&home.keys),
            home.minato.id.clone(),
            "https://0110000001.example.jp",
        );
        for _look in 0..6 {
            let code = home.code(decision(&home.shirakaba)).await;
            let redeemed = home
                .redeem(redemption(&home.shirakaba, &code.spoken()))
                .await;
            assert_eq!(redeemed.unwrap().tokens.len(), 1);
        }
    })
    .await;
}

#[actix_web::test]
async fn a_wrong_an_expired_a_used_and_a_foreign_code_are_all_alike() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let unknown = Err(Refusal::CodeUnknown);
        let code = home.code(decision(&home.shirakaba)).await;
        assert_eq!(
            home.redeem(redemption(&home.shirakaba, "0000000000")).await,
            unknown
        );
        assert_eq!(
            home.redeem(redemption(&home.yukimi, code.scanned())).await,
            unknown
        );
        assert!(
            home.redeem(redemption(&home.shirakaba, code.scanned()))
                .await
                .is_ok()
        );
        assert_eq!(
            home.redeem(redemption(&home.shirakaba, code.scanned()))
                .await,
            unknown
        );
        assert_eq!(
            home.redeem(redemption(&home.shirakaba, &code.spoken()))
                .await,
            unknown
        );
        let late = home.code(decision(&home.shirakaba)).await;
        home.clock.advance(CODE_LIFE_SECONDS);
        assert_eq!(
            home.redeem(redemption(&home.shirakaba, late.scanned()))
                .await,
            unknown
        );
        let refusals = home
            .audit()
            .await
            .into_iter()
            .filter(|line| line.kind == "refusal");
        let told: Vec<_> = refusals.map(|line| (line.outcome, line.person)).collect();
        assert_eq!(told, vec![("code_unknown".to_owned(), None); 5]);
    })
    .await;
}

#[actix_web::test]
async fn a_code_of_the_last_second_still_opens() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let code = home.code(decision(&home.shirakaba)).await;
        home.clock.advance(CODE_LIFE_SECONDS - 1);
        assert!(
            home.redeem(redemption(&home.shirakaba, code.scanned()))
                .await
                .is_ok()
        );
    })
    .await;
}

#[actix_web::test]
async fn five_wrong_codes_lock_their_requester_alone_for_ten_minutes() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let code = home.code(decision(&home.shirakaba)).await;
        let other = home.code(decision(&home.yukimi)).await;
        for _ in 0..5 {
            let wrong = home.redeem(redemption(&home.shirakaba, "0000000000")).await;
            assert_eq!(wrong, Err(Refusal::CodeUnknown));
        }
        for _ in 0..3 {
            let right = home
                .redeem(redemption(&home.shirakaba, code.scanned()))
                .await;
            assert_eq!(right, Err(Refusal::CodeLocked));
        }
        assert!(
            home.redeem(redemption(&home.yukimi, other.scanned()))
                .await
                .is_ok()
        );
        home.clock.advance(10 * MINUTE - 1);
        let locked = home.redeem(redemption(&home.shirakaba, "0000000000")).await;
        assert_eq!(locked, Err(Refusal::CodeLocked));
        home.clock.advance(1);
        let fresh = home.code(decision(&home.shirakaba)).await;
        assert!(
            home.redeem(redemption(&home.shirakaba, fresh.scanned()))
                .await
                .is_ok()
        );
    })
    .await;
}

#[actix_web::test]
async fn of_thirty_two_at_once_exactly_one_redeems() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let code = home.code(decision(&home.shirakaba)).await;
        let tries = (0..32).map(|_| {
            let (consents, membership) = (home.consents.clone(), Arc::clone(&home.membership));
            let redemption = redemption(&home.shirakaba, code.scanned());
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime
                    .block_on(consents.redeem(redemption, links_of, membership))
                    .unwrap()
            })
        });
        let tries: Vec<_> = tries.collect();
        let answers: Vec<Answer> = tries.into_iter().map(|one| one.join().unwrap()).collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let lost = answers.iter().filter_map(|answer| answer.as_ref().err());
        assert!(
            lost.into_iter()
                .all(|it| [Refusal::CodeUnknown, Refusal::CodeLocked].contains(it))
        );
        let written = home.consents.list(Subject::Person(hana())).await.unwrap();
        assert_eq!(written.len(), 1);
        let misses = answers
            .iter()
            .filter(|it| **it == Err(Refusal::CodeUnknown))
            .count();
        assert_eq!(misses, 5);
    })
    .await;
}

#[actix_web::test]
async fn a_code_is_spent_on_nothing_but_what_it_was_made_for() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let mut named = decision(&home.shirakaba);
        named.practitioner = Some(doctor());
        let code = home.code(named).await;
        let mut other_purpose = redemption(&home.shirakaba, code.scanned());
        other_purpose.request.purpose = Purpose::Hresch;
        assert_eq!(
            home.redeem(other_purpose).await,
            Err(Refusal::ConsentNotGranted)
        );
        let mut other_doctor = redemption(&home.shirakaba, code.scanned());
        other_doctor.request.practitioner = Some(Practitioner {
            id: "dr-9999".into(),
            role: "physician".into(),
        });
        assert_eq!(
            home.redeem(other_doctor).await,
            Err(Refusal::PractitionerMismatch)
        );
        let mut other_data = redemption(&home.shirakaba, code.scanned());
        other_data.request.categories = vec![Category::Genomic];
        assert_eq!(home.redeem(other_data).await, Err(Refusal::ScopeNotGranted));
        let mut both = redemption(&home.shirakaba, code.scanned());
        both.request.grant_id = Some("grant".into());
        assert_eq!(home.redeem(both).await, Err(Refusal::QueryNotAllowed));
        assert!(
            home.redeem(redemption(&home.shirakaba, code.scanned()))
                .await
                .is_ok()
        );
    })
    .await;
}

#[actix_web::test]
async fn what_another_directive_forbids_no_code_opens() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let code = home.code(decision(&home.shirakaba)).await;
        home.forbids(&home.shirakaba, None).await;
        let answer = home
            .redeem(redemption(&home.shirakaba, code.scanned()))
            .await;
        assert_eq!(answer, Err(Refusal::ConsentNotGranted));
        let written = home.consents.list(Subject::Person(hana())).await.unwrap();
        assert_eq!(written.len(), 1, "only the directive that forbids");
    })
    .await;
}

#[actix_web::test]
async fn a_code_is_made_only_of_a_decision_that_can_hold() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let refused = async |decision: Decision| {
            let membership = Arc::clone(&home.membership);
            home.consents
                .create_code(decision, links(), membership)
                .await
                .err()
                .unwrap()
        };
        let mut over = decision(&home.shirakaba);
        over.ends_at = NOW;
        assert!(matches!(refused(over).await, ConsentError::Ended));
        let mut unlinked = decision(&home.shirakaba);
        unlinked.responders[0].responder = MemberId::from_code("0110000009").unwrap();
        assert!(matches!(refused(unlinked).await, ConsentError::NoLink(_)));
        home.forbids(&home.shirakaba, None).await;
        let error = refused(decision(&home.shirakaba)).await;
        assert!(matches!(
            error,
            ConsentError::Refused(Refusal::ConsentNotGranted)
        ));
    })
    .await;
}

#[actix_web::test]
async fn the_table_of_codes_cannot_be_searched_without_the_nodes_secret() {
    let scratch = crate::database::testing::sqlite();
    let home = Home::on(scratch.database.clone());
    let code = home.code(decision(&home.shirakaba)).await;
    let plain = PlainCode::read(&code.spoken());
    let unkeyed: [u8; 32] = {
        use sha2::Digest;
        sha2::Sha256::digest(plain.as_str().as_bytes()).into()
    };
    let path = scratch.url.strip_prefix("sqlite:").unwrap();
    let mut stored = std::fs::read(path).unwrap();
    stored.extend(std::fs::read(format!("{path}-wal")).unwrap_or_default());
    let holds = |bytes: &[u8]| stored.windows(bytes.len()).any(|window| window == bytes);
    assert!(holds(&home.keys.code_digest(plain.as_str())));
    assert!(!holds(&unkeyed) && !holds(plain.as_str().as_bytes()));
    assert!(!holds(code.scanned().as_bytes()));
}

#[actix_web::test]
async fn a_grant_is_renewed_for_its_practitioner_as_the_directives_are_now() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let grant = home.granted(decision(&home.shirakaba)).await.grant;
        home.clock.advance(13 * HOUR);
        let again = home
            .redeem(comeback(&home.shirakaba, &grant))
            .await
            .unwrap();
        assert_eq!(again.grant, grant);
        // The directive ends a day after the code was made: 11 hours are left.
        assert_eq!(again.expires, NOW.plus_seconds(24 * HOUR));
        let refused = Err(Refusal::ConsentNotGranted);
        assert_eq!(home.redeem(comeback(&home.yukimi, &grant)).await, refused);
        assert_eq!(
            home.redeem(comeback(&home.shirakaba, "no-such-grant"))
                .await,
            refused
        );
        let mut colleague = comeback(&home.shirakaba, &grant);
        colleague.request.practitioner = Some(Practitioner {
            id: "dr-9999".into(),
            role: "physician".into(),
        });
        assert_eq!(
            home.redeem(colleague).await,
            Err(Refusal::PractitionerMismatch)
        );
        let directive = home
            .consents
            .list(Subject::Person(hana()))
            .await
            .unwrap()
            .remove(0)
            .id;
        home.consents.withdraw(&directive).await.unwrap();
        assert_eq!(
            home.redeem(comeback(&home.shirakaba, &grant)).await,
            refused
        );
    })
    .await;
}

#[actix_web::test]
async fn a_grant_ends_when_its_decision_does() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let grant = home.granted(decision(&home.shirakaba)).await.grant;
        home.clock.advance(24 * HOUR);
        let late = home.redeem(comeback(&home.shirakaba, &grant)).await;
        assert_eq!(late, Err(Refusal::ConsentNotGranted));
    })
    .await;
}

#[actix_web::test]
async fn a_code_shown_after_its_decision_ended_opens_nothing() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let short = Decision {
            ends_at: NOW.plus_seconds(60),
            ..decision(&home.shirakaba)
        };
        let code = home.code(short).await;
        home.clock.advance(61);
        let late = home
            .redeem(redemption(&home.shirakaba, &code.spoken()))
            .await;
        assert_eq!(late, Err(Refusal::ConsentNotGranted));
    })
    .await;
}

/// Minato asks for itself: its staff could mint at will, were it not for the phone.
fn own_staff(home: &Home) -> Decision {
    Decision {
        practitioner: Some(doctor()),
        ..decision(&home.minato)
    }
}

#[actix_web::test]
async fn the_homes_own_staff_gets_a_token_only_with_the_phones_signature() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let membership = || Arc::clone(&home.membership);
        let unsigned = home
            .consents
            .create_code(own_staff(&home), links(), membership())
            .await;
        assert!(matches!(unsigned.err().unwrap(), ConsentError::Evidence(_)));
        let needed = home
            .consents
            .evidence_needed(&own_staff(&home), &links(), &membership())
            .await
            .unwrap()
            .remove(0);
        let signed_by = |key: &SecretKey| {
            let mut decision = own_staff(&home);
            decision.responders[0].evidence = Some(Evidence {
                scope: needed.scope,
                until: needed.until,
                signature: key.sign(&needed.message),
            });
            decision
        };
        let forged = signed_by(&SecretKey::from_seed([9; 32]));
        let forged = home
            .consents
            .create_code(forged, links(), membership())
            .await;
        assert!(matches!(forged.err().unwrap(), ConsentError::Evidence(_)));
        let code = home.code(signed_by(&device())).await;
        let reply = home
            .redeem(redemption(&home.minato, code.scanned()))
            .await
            .unwrap();
        let token = &reply.tokens[0].token;
        assert!(home.judged(token, &home.minato, &home.yukimi).is_ok());
        // Renewed for less: the token still says what was signed, or it would not be accepted.
        let mut less = comeback(&home.minato, &reply.grant);
        less.request.categories = vec![Category::Lab];
        let renewed = home.redeem(less).await.unwrap();
        assert!(
            home.judged(&renewed.tokens[0].token, &home.minato, &home.yukimi)
                .is_ok()
        );
        // A narrower decision since then is not what the phone signed.
        home.forbids(&home.minato, Some(of(&[Category::Rx]))).await;
        let changed = home.redeem(comeback(&home.minato, &reply.grant)).await;
        assert_eq!(changed, Err(Refusal::PatientEvidenceMissing));
    })
    .await;
}

#[actix_web::test]
async fn care_by_the_homes_own_staff_names_the_practitioner() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let nobody = decision(&home.minato);
        let needed = home
            .consents
            .evidence_needed(&nobody, &links(), &home.membership)
            .await;
        assert!(matches!(needed, Err(ConsentError::Evidence(_))));
    })
    .await;
}

#[actix_web::test]
async fn a_decision_that_fits_no_token_is_refused_and_never_widened() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let code = home.code(decision(&home.shirakaba)).await;
        home.hides(&home.shirakaba, 60).await;
        let answer = home
            .redeem(redemption(&home.shirakaba, code.scanned()))
            .await;
        assert_eq!(answer, Err(Refusal::ConsentTooComplex));
        let last = home.audit().await.pop().unwrap();
        assert_eq!(
            (last.kind.as_str(), last.outcome.as_str()),
            ("refusal", "consent_too_complex")
        );
        let written = home.consents.list(Subject::Person(hana())).await.unwrap();
        assert_eq!(written.len(), 1, "no Consent without its tokens");
    })
    .await;
}
