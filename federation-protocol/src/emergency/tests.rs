#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use crate::link::PatientHandle;
use crate::signature::ExchangeId;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_782_864_000);
const OPEN: Standing = Standing {
    is_answered_here: true,
    may_ask: true,
};
const HANA: &str = r#"{"kana":"サトウ ハナ","birthDate":"1960-05-05","gender":"female"}"#;
const WHY: &str = r#"{"code":"unconscious","text":"搬送時に意識がなく家族にも連絡がつかない"}"#;

fn physician(acr: Option<&str>, seconds_ago: i64) -> Actor {
    Actor {
        id: Some("dr-1".into()),
        role: "physician".into(),
        dept: None,
        acr: acr.map(str::to_owned),
        at: Some(NOW.plus_seconds(-seconds_ago)),
    }
}

fn body(patient: &str, reason: &str) -> Vec<u8> {
    format!(r#"{{"patient":{patient},{reason}"queries":["Observation?_count=50"]}}"#).into_bytes()
}

fn asked(patient: &str, reason: &str) -> Result<(EmergencyQuestion, Reason), Refusal> {
    let reason = match reason {
        "" => String::new(),
        reason => format!(r#""reason":{reason},"#),
    };
    EmergencyQuestion::admit(
        &body(patient, &reason),
        OPEN,
        &physician(Some("totp"), 60),
        NOW,
    )
}

#[test]
fn a_question_names_one_person_or_is_none() {
    assert!(asked(HANA, WHY).is_ok());
    assert!(asked(r#"{"insured":"00012345:あい:187:02"}"#, WHY).is_ok());
    for wrong in [
        r#"{"insured":"00012345:あい:187:"}"#,
        r#"{"insured":"00012345:あい:187"}"#,
        r#"{"insured":"00012345:あい::02"}"#,
        r#"{"insured":"00012345:あい:187:02","kana":"サトウ ハナ"}"#,
        r#"{"kana":"サトウ ハナ","birthDate":"1960-05","gender":"female"}"#,
        r#"{"kana":"佐藤 花","birthDate":"1960-05-05","gender":"female"}"#,
        r#"{"kana":"サトウ","birthDate":"1960-05-05","gender":"female"}"#,
        r#"{"kana":"サトウ ハナ","birthDate":"1960-05-05","gender":"unknown"}"#,
        r#"{"kana":"サトウ ハナ","birthDate":"1960-05-05"}"#,
        r#"["サトウ ハナ","1960-05-05","female"]"#,
        "{}",
        "null",
    ] {
        assert_eq!(
            asked(wrong, WHY).unwrap_err(),
            Refusal::QueryNotAllowed,
            "{wrong}"
        );
    }
}

#[test]
fn a_reason_has_a_code_and_ten_characters_that_say_something() {
    for short in [
        "",
        r#"{"code":"other","text":"急患"}"#,
        r#"{"code":"other","text":"          急          "}"#,
        r#"{"code":"other","text":"ああああああああああああ"}"#,
        "{\"code\":\"other\",\"text\":\"搬送時に意識がない\\u0000家族\"}",
    ] {
        let refused = asked(HANA, short).unwrap_err();
        assert_eq!(refused, Refusal::BtgReasonRequired, "{short}");
    }
    // Not of this schema at all.
    let refused = asked(
        HANA,
        r#"{"code":"curious","text":"搬送時に意識がなく連絡"}"#,
    );
    assert_eq!(refused.unwrap_err(), Refusal::QueryNotAllowed);
}

#[test]
fn a_second_factor_is_fifteen_minutes_old_at_most_and_a_physicians() {
    let by = |actor: &Actor| has_second_factor(actor, NOW);
    assert!(by(&physician(Some("totp"), 0)));
    assert!(by(&physician(Some("passkey"), 900)));
    assert!(!by(&physician(Some("totp"), 961)));
    assert!(!by(&physician(Some("totp"), -61)), "from the future");
    assert!(!by(&physician(None, 0)));
    assert!(!by(&physician(Some("password"), 0)));
    let clerk = Actor {
        role: "clerk".into(),
        ..physician(Some("totp"), 0)
    };
    assert!(!by(&clerk) && !by(&Actor::system()));
    let timeless = Actor {
        at: None,
        ..physician(Some("totp"), 0)
    };
    assert!(!by(&timeless));
}

#[test]
fn who_may_not_ask_is_told_so_before_the_body_is_read() {
    for standing in [
        Standing {
            may_ask: false,
            ..OPEN
        },
        Standing {
            is_answered_here: false,
            ..OPEN
        },
    ] {
        let refused =
            EmergencyQuestion::admit(b"[", standing, &physician(Some("totp"), 0), NOW).unwrap_err();
        assert_eq!(refused, Refusal::BtgNotPermitted);
    }
    let stale = physician(Some("totp"), 3_600);
    let refused = EmergencyQuestion::admit(b"[", OPEN, &stale, NOW).unwrap_err();
    assert_eq!(refused, Refusal::BtgNotPermitted);
}

#[test]
fn a_notice_reads_back_as_it_is_written_and_nothing_else_is_one() {
    let notice = EmergencyNotice {
        id: ExchangeId::new(NOW, [7; 10]).to_string(),
        patient: PatientHandle::from_bytes([7; 16]),
        asker: "urn:musubi:member:0110000003".parse().unwrap(),
        practitioner: "dr-1".into(),
        reason: serde_json::from_str(WHY).unwrap(),
        at: NOW.unix_seconds(),
        shown: 3,
    };
    let body = serde_json::to_string(&notice).unwrap();
    assert_eq!(EmergencyNotice::from_json(body.as_bytes()), Ok(notice));
    for (old, new) in [
        ("\"shown\":3", "\"shown\":-3"),
        ("\"shown\":3", "\"shown\":3,\"more\":1"),
        ("dr-1", ""),
        ("搬送時に意識がなく家族にも連絡がつかない", "急患"),
        ("\"at\":", "\"at\":1,\"at\":"),
    ] {
        let spoiled = body.replace(old, new);
        assert_ne!(spoiled, body);
        assert_eq!(
            EmergencyNotice::from_json(spoiled.as_bytes()),
            Err(NoticeError)
        );
    }
}

proptest::proptest! {
    #[test]
    fn what_is_read_is_bounded_and_written_back_the_same(
        insured in "[0-9]{0,9}:[あ-ん]{0,3}:[0-9]{0,4}:[0-9]{0,3}",
        text in ".{0,30}",
        queries in proptest::collection::vec("[A-Za-z]{0,8}[?]?[ -~]{0,8}", 0..70),
    ) {
        let body = serde_json::json!({
            "patient": {"insured": insured}, "reason": {"code": "other", "text": text},
            "queries": queries,
        });
        if let Ok(question) = EmergencyQuestion::from_json(body.to_string().as_bytes()) {
            proptest::prop_assert!(question.queries.len() <= MOST_QUERIES);
            let again = EmergencyQuestion::from_json(&question.to_json());
            proptest::prop_assert_eq!(again, Ok(question));
        }
    }
}
