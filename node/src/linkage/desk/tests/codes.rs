//! Codes handed in, by right hands and wrong ones.

use super::*;

#[actix_web::test]
async fn a_code_links_the_charts_at_both_sides_once() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let code = counter.code().await;
        let claim = counter.claim(&code).await;
        let answered = counter.asked(&claim).await.unwrap();
        counter.take_in(&claim, answered).await.unwrap();
        assert_eq!((counter.links().await, counter.home_links().await), (1, 1));
        let link = &counter.yukimi.links(None).await.unwrap()[0];
        assert_eq!(link.patient, counter.chart("m").await);
        assert_eq!(link.home, counter.home.yukimi.id);
        assert_eq!(link.device_key, counter.key);
        let again = counter.hand_in(&code).await.unwrap();
        assert!(matches!(again, Standing::Linked(_)));
        let outcomes = counter.outcomes().await;
        let made: Vec<&str> = outcomes.iter().map(String::as_str).collect();
        let wanted = [
            "enrolled",
            "ok",
            "link_offered",
            "ok",
            "link_begun",
            "link_created",
            "link_accepted",
            "link_code_used",
            "ok",
        ];
        assert_eq!(made, wanted);
        let offers = counter.desk.offers(&counter.clerk()).await.unwrap();
        assert_eq!(offers[0].state(counter.desk.now()), "linked");
    })
    .await;
}

#[actix_web::test]
async fn a_try_that_broke_off_anywhere_is_completed_by_the_next() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let code = counter.code().await;
        // The home asked, and died before the answer; then after it; then the proof's answer was lost.
        let first = counter.claim(&code).await;
        let begun = counter.begin(first.begin()).await.unwrap();
        let second = counter.claim(&code).await;
        assert_eq!(counter.begin(second.begin()).await.unwrap(), begun);
        let lost = counter.asked(&second).await.unwrap();
        let third = counter.claim(&code).await;
        counter.home.clock.advance(2 * CODE_LIFE_SECONDS);
        let found = counter.asked(&third).await.unwrap();
        assert_eq!(found.0, lost.0);
        counter.take_in(&third, found.clone()).await.unwrap();
        // Taken in, and died before the claim was closed.
        counter.take_in(&third, found).await.unwrap();
        assert_eq!((counter.links().await, counter.home_links().await), (1, 1));
    })
    .await;
}

#[actix_web::test]
async fn charts_that_differ_are_not_linked_and_nobody_learns_in_what() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let mut seen = Vec::new();
        for (member, value) in [("birthDate", "1959-03-14"), ("gender", "male")] {
            let mut chart = patient("y");
            chart[member] = json!(value);
            counter.put(chart).await;
            let code = counter.code().await;
            let claim = counter.claim(&code).await;
            let refused = counter.asked(&claim).await.unwrap_err();
            assert_eq!(refused, Refusal::LinkDiffers);
            counter.claims.differs(&claim).await.unwrap();
            let told = counter.hand_in(&code).await;
            assert!(matches!(told, Err(ClaimError::Differs)));
            seen.push(counter.outcomes().await.split_off(seen.len()));
            // The code is spent, also for the right facts.
            let (begin, _) = counter.guess(&code, HANA, 3);
            assert_eq!(counter.begin(begin).await, Err(Refusal::CodeUnknown));
        }
        assert_eq!((counter.links().await, counter.home_links().await), (0, 0));
        let differs =
            |lines: &Vec<String>| lines.iter().filter(|one| *one == "link_differs").count();
        assert!(seen.iter().all(|lines| differs(lines) >= 2), "{seen:?}");
        let offers = counter.desk.offers(&counter.clerk()).await.unwrap();
        let now = counter.desk.now();
        assert!(offers.iter().all(|offer| offer.state(now) == "differed"));
    })
    .await;
}

#[actix_web::test]
async fn a_home_that_lies_learns_about_one_guess_for_each_code() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let code = counter.code().await;
        let wrong = BirthFacts { year: 1960, ..HANA };
        let (begin, blind) = counter.guess(&code, wrong, 3);
        let begun = counter.begin(begin.clone()).await.unwrap();
        // Before it proves something it can begin with no other guess, nor confirm one.
        let (other, other_blind) = counter.guess(&code, HANA, 4);
        assert_eq!(
            counter.begin(other.clone()).await,
            Err(Refusal::CodeUnknown)
        );
        let proof = counter.proof(&other, &other_blind, &begun);
        assert_eq!(counter.confirm(proof).await, Err(Refusal::LinkDiffers));
        let proof = counter.proof(&begin, &blind, &begun);
        assert_eq!(counter.confirm(proof).await, Err(Refusal::CodeUnknown));
        assert_eq!(counter.links().await, 0);
    })
    .await;
}

#[actix_web::test]
async fn a_commitment_that_is_none_is_refused_and_spends_nothing() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let code = counter.code().await;
        for point in [[0; 32], [0xff; 32]] {
            let begin = LinkBegin {
                code: code.clone(),
                commitment: Commitment(point),
                device_key: counter.key.clone(),
            };
            assert_eq!(counter.begin(begin).await, Err(Refusal::QueryNotAllowed));
        }
        let claim = counter.claim(&code).await;
        assert!(counter.asked(&claim).await.is_ok());
    })
    .await;
}

#[actix_web::test]
async fn a_hospital_that_lies_is_not_believed() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let code = counter.code().await;
        let claim = counter.claim(&code).await;
        let (mut made, wanted) = counter.asked(&claim).await.unwrap();
        // It sends our own proof back, or another.
        made.proof = Proof([7; 64]);
        let taken = counter.take_in(&claim, (made, wanted)).await;
        assert!(matches!(taken, Err(ClaimError::Unproved)));
        assert_eq!(counter.home_links().await, 0);
        let told = counter.hand_in(&code).await;
        assert!(matches!(told, Err(ClaimError::Unproved)));
        // Our commitment, sent back as theirs, makes no proof at all.
        let claim = counter.claim(&counter.code().await).await;
        let echoed = LinkBegun {
            commitment: claim.begin().commitment,
        };
        assert!(claim.confirm(&counter.home.yukimi.id, &echoed).is_none());
    })
    .await;
}

#[actix_web::test]
async fn answers_cannot_be_moved_from_one_code_to_another() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let (one, other) = (counter.code().await, counter.code().await);
        let (first, second) = (counter.claim(&one).await, counter.claim(&other).await);
        let of_first = counter.begin(first.begin()).await.unwrap();
        let of_second = counter.begin(second.begin()).await.unwrap();
        assert_ne!(of_first, of_second);
        assert_ne!(first.begin().commitment, second.begin().commitment);
        let me = &counter.home.yukimi.id;
        let (swapped, _) = first.confirm(me, &of_second).unwrap();
        assert_eq!(counter.confirm(swapped).await, Err(Refusal::LinkDiffers));
        // The other's proof under the right code, after the right answer.
        let (right, wanted) = second.confirm(me, &of_second).unwrap();
        let made = counter.confirm(right).await.unwrap();
        assert_eq!(made.proof, wanted);
        let (mut made, wanted) = (made, wanted);
        made.assertion = "x".into();
        let taken = counter.take_in(&second, (made, wanted)).await;
        assert!(matches!(taken, Err(ClaimError::Linkage(_))));
    })
    .await;
}

#[actix_web::test]
async fn wrong_expired_used_withdrawn_and_foreign_codes_are_one_refusal() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let try_it = async |code: &PlainCode, home: &MemberId| {
            let (begin, _) = counter.guess(code, HANA, 3);
            let refused = counter.begin_as(home, begin).await;
            counter.home.clock.advance(601);
            refused.map(|_| ())
        };
        let (yukimi, shirakaba) = (&counter.home.yukimi.id, &counter.home.shirakaba.id);
        let unknown = Err(Refusal::CodeUnknown);
        for wrong in ["", "7K2QX-9D4HM", "x".repeat(64).as_str()] {
            assert_eq!(try_it(&PlainCode::read(wrong), yukimi).await, unknown);
        }
        let foreign = counter.code().await;
        assert_eq!(try_it(&foreign, shirakaba).await, unknown);
        assert_eq!(
            try_it(&foreign, yukimi).await,
            Ok(()),
            "and is not spent by that"
        );
        let used = counter.code().await;
        counter.asked(&counter.claim(&used).await).await.unwrap();
        assert_eq!(
            try_it(&used, yukimi).await,
            unknown,
            "with another commitment"
        );
        assert_eq!(try_it(&used, shirakaba).await, unknown);
        let new = counter.show(both()).await.unwrap();
        counter
            .desk
            .withdraw(&counter.clerk(), &new.id)
            .await
            .unwrap();
        let withdrawn = PlainCode::read(&new.code.spoken());
        assert_eq!(try_it(&withdrawn, yukimi).await, unknown);
        let expired = counter.code().await;
        counter.home.clock.advance(CODE_LIFE_SECONDS);
        assert_eq!(try_it(&expired, yukimi).await, unknown);
    })
    .await;
}

#[actix_web::test]
async fn five_wrong_codes_lock_the_member_and_nobody_else() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let right = PlainCode::read(&counter.show(both()).await.unwrap().code.spoken());
        for guess in 0..5 {
            let wrong = PlainCode::read(&format!("0000{guess}-00000"));
            let (begin, _) = counter.guess(&wrong, HANA, 3);
            assert_eq!(counter.begin(begin).await, Err(Refusal::CodeUnknown));
        }
        // Counted in the database: another process knows, and the right code does not help.
        let (begin, blind) = counter.guess(&right, HANA, 3);
        assert_eq!(counter.begin(begin.clone()).await, Err(Refusal::CodeLocked));
        let begun = LinkBegun {
            commitment: counter.guess(&right, HANA, 5).0.commitment,
        };
        let proof = counter.proof(&begin, &blind, &begun);
        assert_eq!(counter.confirm(proof).await, Err(Refusal::CodeLocked));
        let shirakaba = counter.home.shirakaba.id.clone();
        assert!(counter.begin_as(&shirakaba, begin).await.is_ok());
    })
    .await;
}

#[actix_web::test]
async fn a_persons_wrong_codes_lock_them_before_they_lock_their_home() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        for guess in 0..3 {
            let claim = counter
                .claim(&PlainCode::read(&format!("0000{guess}-00000")))
                .await;
            assert_eq!(
                counter.asked(&claim).await.unwrap_err(),
                Refusal::CodeUnknown
            );
            counter.claims.missed(&claim).await.unwrap();
        }
        let right = counter.code().await;
        assert!(matches!(
            counter.hand_in(&right).await,
            Err(ClaimError::Locked)
        ));
        counter.home.clock.advance(601);
        let claim = counter.claim(&right).await;
        assert!(counter.asked(&claim).await.is_ok());
    })
    .await;
}

#[actix_web::test]
async fn a_chart_that_changed_or_was_merged_since_is_not_linked() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let code = counter.code().await;
        let mut chart = patient("m");
        chart["birthDate"] = json!("1985-03-14");
        counter.put(chart).await;
        let claim = counter.claim(&code).await;
        assert_eq!(
            counter.asked(&claim).await.unwrap_err(),
            Refusal::CodeUnknown
        );
        counter.put(patient("m")).await;

        // Changed between the two questions.
        let code = counter.code().await;
        let claim = counter.claim(&code).await;
        let begun = counter.begin(claim.begin()).await.unwrap();
        let mut chart = patient("m");
        chart["link"] = json!([{"other": {"reference": "Patient/y"}, "type": "replaced-by"}]);
        counter.put(chart).await;
        let (confirm, _) = claim.confirm(&counter.home.yukimi.id, &begun).unwrap();
        assert_eq!(counter.confirm(confirm).await, Err(Refusal::CodeUnknown));
        counter.put(patient("m")).await;

        let code = counter.code().await;
        counter.put(patient("n")).await;
        let minato = Linkage::new(
            counter.home.database.clone(),
            counter.home.clock.clone(),
            counter.home.minato.id.clone(),
        );
        let (from, into) = (counter.chart("m").await, counter.chart("n").await);
        let merged = minato.merge(from, into, "n").await.unwrap();
        assert_eq!(merged.withdrawn_codes, 1);
        let claim = counter.claim(&code).await;
        assert_eq!(
            counter.asked(&claim).await.unwrap_err(),
            Refusal::CodeUnknown
        );
        assert_eq!(counter.links().await, 0);
    })
    .await;
}

#[actix_web::test]
async fn a_link_that_ended_before_it_was_taken_in_comes_back_to_nobody() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let code = counter.code().await;
        let claim = counter.claim(&code).await;
        let answered = counter.asked(&claim).await.unwrap();
        let handle = counter.yukimi.links(None).await.unwrap()[0].handle.clone();
        counter.yukimi.end(&handle).await.unwrap();
        let again = counter.claim(&code).await;
        assert_eq!(
            counter.asked(&again).await.unwrap_err(),
            Refusal::CodeUnknown
        );
        // Taken in and ended at home: neither the code nor the old answer brings it back.
        counter.take_in(&claim, answered.clone()).await.unwrap();
        let Caller::Person { id, .. } = &counter.hana else {
            panic!("not a person");
        };
        let minato = counter.home.minato.id.clone();
        counter.yukimi.end_home_link(id, &minato).await.unwrap();
        assert!(counter.take_in(&claim, answered).await.is_err());
        assert!(counter.hand_in(&code).await.is_err());
        assert_eq!(counter.home_links().await, 0);
    })
    .await;
}

#[actix_web::test]
async fn another_device_does_not_go_on_with_what_one_began() {
    on_each_async(async |database| {
        let mut counter = Counter::on(database).await;
        let code = counter.code().await;
        let claim = counter.claim(&code).await;
        counter.begin(claim.begin()).await.unwrap();
        counter.key = SecretKey::from_seed([8; 32]).public();
        assert!(matches!(
            counter.hand_in(&code).await,
            Err(ClaimError::OtherKey)
        ));
    })
    .await;
}

#[actix_web::test]
async fn a_person_without_year_or_sex_in_their_own_chart_asks_nobody() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let mut chart = patient("y");
        chart["gender"] = Value::Null;
        counter.put(chart).await;
        let code = counter.code().await;
        assert!(matches!(
            counter.hand_in(&code).await,
            Err(ClaimError::Incomplete)
        ));
        let clerk = counter.clerk();
        let handed_in = HandedIn {
            responder: counter.home.minato.id.clone(),
            code,
            device_key: counter.key.clone(),
        };
        let refused = counter.claims.open(&clerk, handed_in).await;
        assert!(matches!(refused, Err(ClaimError::NoPerson)));
    })
    .await;
}

#[actix_web::test]
async fn guesses_and_proofs_sent_all_at_once_count_once() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        let code = counter.code().await;
        let guesses = (1950..1954).map(|year| {
            let (begin, _) = counter.guess(&code, BirthFacts { year, ..HANA }, 3);
            counter.begin(begin)
        });
        let answers = futures_util::future::join_all(guesses).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);

        counter.home.clock.advance(601);
        let code = counter.code().await;
        let claim = counter.claim(&code).await;
        let begun = counter.begin(claim.begin()).await.unwrap();
        let (confirm, _) = claim.confirm(&counter.home.yukimi.id, &begun).unwrap();
        let proofs = (0..4).map(|_| counter.confirm(confirm.clone()));
        let answers = futures_util::future::join_all(proofs).await;
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert!(answers[0].is_ok());
        assert_eq!(counter.links().await, 1);
    })
    .await;
}

#[actix_web::test]
async fn what_a_chart_said_is_kept_no_longer_than_its_code_is_good() {
    on_each_async(async |database| {
        let counter = Counter::on(database).await;
        counter.code().await;
        assert_eq!(counter.desk.prune().await.unwrap(), 0, "it is good yet");
        counter.home.clock.advance(CODE_LIFE_SECONDS - 1);
        let code = counter.code().await;
        counter.home.clock.advance(1);
        assert_eq!(counter.desk.prune().await.unwrap(), 1);
        assert_eq!(counter.desk.prune().await.unwrap(), 0);
        // The other one is good and makes a link.
        let claim = counter.claim(&code).await;
        let answered = counter.asked(&claim).await.unwrap();
        counter.take_in(&claim, answered).await.unwrap();
        assert_eq!(counter.links().await, 1);
    })
    .await;
}
