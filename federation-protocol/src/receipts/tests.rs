#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::digest::content_digest;
use crate::sample::NOW;

fn exchange(number: u32) -> ExchangeId {
    let mut random = [0; 10];
    random[4..8].copy_from_slice(&number.to_be_bytes());
    ExchangeId::new(NOW, random)
}

fn set(numbers: impl IntoIterator<Item = u32>) -> ReceiptSet {
    let mut set = ReceiptSet::new(Day::of(NOW));
    for number in numbers {
        set.add(
            exchange(number),
            &content_digest(&number.to_be_bytes()),
            false,
        );
    }
    set
}

/// The whole walk, each message over the wire; and how many questions it took.
fn walk(mine: &ReceiptSet, theirs: &ReceiptSet) -> (Differences, usize) {
    let mut narrowing = Narrowing::of(mine);
    let mut questions = 0;
    while let Some(question) = narrowing.question() {
        questions += 1;
        let bytes = serde_json::to_vec(&question).unwrap();
        assert_eq!(ReceiptsQuestion::parse(&bytes).as_ref(), Ok(&question));
        let bytes = serde_json::to_vec(&theirs.reply(&question)).unwrap();
        let reply = ReceiptsReply::parse(&bytes).unwrap();
        narrowing.take(&question, &reply).unwrap();
    }
    (narrowing.end(), questions)
}

#[test]
fn equal_days_take_one_question_however_long_they_are() {
    for count in [0, 1, 256, 257, 5_000] {
        let (found, questions) = walk(&set(0..count), &set(0..count));
        assert!(found.is_equal());
        assert_eq!(
            (found.here, found.there),
            (u64::from(count), u64::from(count))
        );
        assert_eq!(questions, 1, "{count}");
    }
}

#[test]
fn one_missing_among_thousands_is_named_in_three_questions_at_most() {
    let theirs = set(0..70_000);
    let mine = set((0..70_000).filter(|number| *number != 4_711));
    let (found, questions) = walk(&mine, &theirs);
    assert_eq!(found.missing_here, [exchange(4_711)]);
    assert!(found.missing_there.is_empty() && found.differing.is_empty() && !found.more);
    assert!(questions <= 3, "{questions}");
    let (found, _) = walk(&theirs, &mine);
    assert_eq!(found.missing_there, [exchange(4_711)]);
}

#[test]
fn a_request_that_is_another_is_named() {
    let mut mine = set(0..10);
    mine.add(exchange(10), &content_digest(b"this"), false);
    let mut theirs = set(0..10);
    theirs.add(exchange(10), &content_digest(b"that"), false);
    assert_eq!(walk(&mine, &theirs).0.differing, [exchange(10)]);
}

#[test]
fn what_was_never_answered_or_whose_answer_was_lost_is_missing_at_neither_end() {
    let digest = content_digest(b"x");
    let (mut asker, mut answerer) = (set(0..10), set(0..10));
    asker.add(exchange(10), &digest, true);
    answerer.add(exchange(10), &digest, false);
    asker.add(exchange(11), &digest, true);
    for (mine, theirs) in [(&asker, &answerer), (&answerer, &asker)] {
        let (found, _) = walk(mine, theirs);
        assert!(found.is_equal(), "{found:?}");
        assert_eq!(found.unanswered, 1);
    }
    // A retry that was answered settles both.
    asker.add(exchange(10), &digest, false);
    assert_eq!(walk(&asker, &answerer).0.unanswered, 0);
}

#[test]
fn a_day_that_is_gone_ends_within_the_bounds_and_says_that_there_is_more() {
    let (found, questions) = walk(&set([]), &set(0..70_000));
    assert_eq!((found.here, found.there), (0, 70_000));
    assert!(found.more && !found.is_equal());
    assert!(questions <= MOST_QUESTIONS, "{questions}");
    assert!(found.missing_here.len() < MOST_NAMED + MOST_ITEMS);
}

#[test]
fn a_day_and_a_prefix_have_one_form() {
    assert_eq!("2026-07-01".parse::<Day>().unwrap(), Day::of(NOW));
    for text in [
        "",
        "2026-7-1",
        "2026-07-01T",
        "2026-02-30",
        "26-07-01",
        "2026-07-01 ",
        "+026-07-01",
        "2026-13-01",
        "2026-07-01T00:00:00Z",
        "yesterday",
        "２０２６-07-01",
    ] {
        assert_eq!(text.parse::<Day>(), Err(ReceiptsError), "{text}");
    }
    for (text, fits) in [
        ("", true),
        ("00", true),
        ("a0ff", true),
        ("0123ab", true),
        ("0", false),
        ("A0", false),
        ("0123abcd", false),
        ("0x", false),
        ("あ", false),
    ] {
        assert_eq!(Prefix::try_from(text.to_owned()).is_ok(), fits, "{text}");
    }
}

#[test]
fn what_is_no_question_and_no_reply_is_refused() {
    for text in [
        "",
        "{}",
        r#"["2026-06-30",""]"#,
        r#"{"day":"2026-06-30"}"#,
        r#"{"day":"2026-06-30","prefix":"","patient":"p"}"#,
        r#"{"day":"2026-06-30","prefix":"","day":"2026-06-30"}"#,
        r#"{"day":20260630,"prefix":""}"#,
    ] {
        assert_eq!(
            ReceiptsQuestion::parse(text.as_bytes()),
            Err(ReceiptsError),
            "{text}"
        );
    }
    let question = ReceiptsQuestion {
        day: Day::of(NOW),
        prefix: Prefix::default(),
    };
    let padded = format!(
        "{}{}",
        serde_json::to_string(&question).unwrap(),
        " ".repeat(256)
    );
    assert!(ReceiptsQuestion::parse(padded.as_bytes()).is_err());

    let reply = set(0..3).reply(&question);
    let changed = |change: &dyn Fn(&mut ReceiptsReply)| {
        let mut reply = reply.clone();
        change(&mut reply);
        ReceiptsReply::parse(&serde_json::to_vec(&reply).unwrap())
    };
    assert!(changed(&|_| ()).is_ok());
    assert!(changed(&|reply| reply.count = 4).is_err());
    assert!(changed(&|reply| reply.items.as_mut().unwrap().reverse()).is_err());
    assert!(changed(&|reply| reply.items.as_mut().unwrap().truncate(2)).is_err());
    assert!(changed(&|reply| reply.items = None).is_err());
    assert!(changed(&|reply| reply.buckets = Some(vec![reply.digest; 256])).is_err());
    assert!(changed(&|reply| reply.day = reply.day.before()).is_err());
    let bucketed = |count: usize| {
        changed(&|reply| (reply.items, reply.buckets) = (None, Some(vec![reply.digest; count])))
    };
    assert!(bucketed(256).is_ok());
    assert!(bucketed(255).is_err() && bucketed(257).is_err());
}

#[test]
fn the_longest_replies_are_read() {
    let mut open = ReceiptSet::new(Day::of(NOW));
    for number in 0..256 {
        open.add(exchange(number), &content_digest(b""), true);
    }
    for set in [open, set(0..257)] {
        let question = ReceiptsQuestion {
            day: set.day(),
            prefix: Prefix::default(),
        };
        let bytes = serde_json::to_vec(&set.reply(&question)).unwrap();
        assert!(bytes.len() <= LONGEST_REPLY, "{}", bytes.len());
        assert!(ReceiptsReply::parse(&bytes).is_ok());
    }
}

proptest! {
    #[test]
    fn the_walk_names_exactly_what_differs(
        mine in proptest::collection::btree_set(0_u32..1_200, 0..800),
        theirs in proptest::collection::btree_set(0_u32..1_200, 0..800),
        near in proptest::collection::btree_set(0_u32..1_200, 0..6), is_near in any::<bool>(),
    ) {
        let theirs = if is_near { &mine ^ &near } else { theirs };
        let (found, _) = walk(&set(mine.clone()), &set(theirs.clone()));
        let named = |exchanges: &[ExchangeId]| exchanges.iter().copied().collect::<BTreeSet<_>>();
        let of = |numbers: BTreeSet<u32>| numbers.into_iter().map(exchange).collect::<BTreeSet<_>>();
        prop_assert_eq!(found.is_equal(), mine == theirs);
        let (here, there) = (of(&theirs - &mine), of(&mine - &theirs));
        if found.more {
            prop_assert!(named(&found.missing_here).is_subset(&here));
            prop_assert!(named(&found.missing_there).is_subset(&there));
        } else {
            prop_assert_eq!(named(&found.missing_here), here);
            prop_assert_eq!(named(&found.missing_there), there);
        }
    }

    #[test]
    fn a_reply_of_any_bytes_is_refused_or_written_back(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        day in "2026-0[67]-[0-3][0-9]", prefix in "[0-9a-f]{0,8}", count in 0_u64..3,
        digest in "[A-Za-z0-9_-]{43}", items in "(,\"items\":\\[\\]|,\"buckets\":\\[\\]){0,2}",
    ) {
        let text = format!(
            "{{\"day\":\"{day}\",\"prefix\":\"{prefix}\",\"count\":{count},\"digest\":\"{digest}\"{items}}}"
        );
        for bytes in [bytes, text.into_bytes()] {
            if let Ok(reply) = ReceiptsReply::parse(&bytes) {
                let again = serde_json::to_vec(&reply).unwrap();
                prop_assert_eq!(ReceiptsReply::parse(&again), Ok(reply));
            }
            if let Ok(question) = ReceiptsQuestion::parse(&bytes) {
                let again = serde_json::to_vec(&question).unwrap();
                prop_assert_eq!(ReceiptsQuestion::parse(&again), Ok(question));
            }
        }
    }
}
