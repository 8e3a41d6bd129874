//! The decision table, one test a row: the rows that belong to the pure function (1–36, 55–58, 61),
//! and those of break-glass (47–54).
//!
//! Each row is judged twice: by evaluating the directives, and by projecting them into a token's
//! scope and residual (written as JSON and read again) and filtering by these. Every Consent goes
//! through FHIR JSON on its way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::sync::LazyLock;

use federation_protocol::category::{Category, Scope};
use federation_protocol::consent::{
    Actor, ConsentKind, Context, Criteria, DataMeaning, DataReference, Directive, DirectiveDraft,
    DirectiveStatus, Effective, EmergencyRelease, FhirTime, LabelTerms, Performer, Period,
    Practitioner, Provision, ProvisionType, Residual, ResourceFacts, SourceText, Span, decide,
    may_read_own, project, with_status,
};
use federation_protocol::emergency::{EmergencyQuestion, Standing};
use federation_protocol::label::{Label, Labels};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::Actor as AskedBy;
use federation_protocol::time::Timestamp;
use serde_json::Value;

static TABLE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("data/decision-table.json")).unwrap());

macro_rules! rows {
    (by consent: $($name:ident = $row:literal)+; in an emergency: $($urgent:ident = $of:literal)+) => {
        $( #[test] fn $name() { judge($row); } )+
        $( #[test] fn $urgent() { judge_emergency($of); } )+

        #[test]
        fn every_row_of_the_pure_function_is_judged_here() {
            let mut judged = vec![$($row),+, $($of),+, 61];
            judged.sort_unstable();
            let expected: Vec<u64> = (1..=36).chain(47..=58).chain([61]).collect();
            assert_eq!(judged, expected);
        }
    };
}

rows! {
    by consent:
    row_01 = 1 row_02 = 2 row_03 = 3 row_04 = 4 row_05 = 5 row_06 = 6 row_07 = 7 row_08 = 8
    row_09 = 9 row_10 = 10 row_11 = 11 row_12 = 12 row_13 = 13 row_14 = 14 row_15 = 15
    row_16 = 16 row_17 = 17 row_18 = 18 row_19 = 19 row_20 = 20 row_21 = 21 row_22 = 22
    row_23 = 23 row_24 = 24 row_25 = 25 row_26 = 26 row_27 = 27 row_28 = 28 row_29 = 29
    row_30 = 30 row_31 = 31 row_32 = 32 row_33 = 33 row_34 = 34 row_35 = 35 row_36 = 36
    row_55 = 55 row_56 = 56 row_57 = 57 row_58 = 58;
    in an emergency:
    row_47 = 47 row_48 = 48 row_49 = 49 row_50 = 50 row_51 = 51 row_52 = 52 row_53 = 53 row_54 = 54
}

/// A patient reads their own record: its own function, no directive.
#[test]
fn row_61() {
    let row = row(61);
    let seen = seen(may_read_own);
    assert_eq!(seen, strings(&row["expect"]["ids"]), "{}", row["title"]);
}

fn row(number: u64) -> &'static Value {
    TABLE["rows"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["n"] == number)
        .unwrap()
}

fn judge(number: u64) {
    let row = row(number);
    let title = row["title"].as_str().unwrap();
    let (home, local) = (directives(&row["home"]), directives(&row["local"]));
    let (context, asked) = request(&row["request"]);

    let decided =
        seen(|facts| asked.contains(facts.category) && decide(&home, &local, &context, facts));
    let projected = project(&home, &context, asked);

    if let Some(code) = row["expect"]["error"].as_str() {
        assert_eq!(projected.unwrap_err().code(), code, "row {number}: {title}");
        assert_eq!(decided, Vec::<String>::new(), "row {number}: {title}");
        return;
    }
    let projection = projected.unwrap_or_else(|refusal| panic!("row {number}: {title}: {refusal}"));
    let residual = Residual::from_json(projection.residual.to_json().as_bytes()).unwrap();
    let effective = Effective::new(projection.scope, residual, local, context);
    let expected = strings(&row["expect"]["ids"]);
    assert_eq!(
        decided, expected,
        "row {number}, by the directives: {title}"
    );
    assert_eq!(
        seen(|facts| effective.permits(facts)),
        expected,
        "row {number}, by the token: {title}"
    );
}

/// Break-glass: the request as it is admitted, then what of the chart it opens.
fn judge_emergency(number: u64) {
    let row = row(number);
    let (title, request_of) = (row["title"].as_str().unwrap(), &row["request"]);
    let (context, _) = request(request_of);
    assert_eq!(context.purpose, Purpose::Btg);
    let mut body = serde_json::json!({
        "patient": {"insured": "00012345:あい:187:02"},
        "queries": ["Observation?_count=50"],
    });
    if let Some(reason) = request_of.get("reason") {
        body["reason"] = reason.clone();
    }
    let has_factor = request_of["mfa"].as_bool().unwrap();
    let practitioner = context.practitioner.clone().unwrap();
    let actor = AskedBy {
        id: Some(practitioner.id),
        role: practitioner.role,
        dept: None,
        acr: has_factor.then(|| "totp".to_owned()),
        at: has_factor.then_some(context.at),
    };
    let standing = Standing {
        is_answered_here: row.get("btg_enabled") != Some(&Value::Bool(false)),
        may_ask: true,
    };
    let body = body.to_string();
    let admitted = EmergencyQuestion::admit(body.as_bytes(), standing, &actor, context.at);
    if let Some(code) = row["expect"]["error"].as_str() {
        assert_eq!(admitted.unwrap_err().code(), code, "row {number}: {title}");
        return;
    }
    admitted.unwrap_or_else(|refusal| panic!("row {number}: {title}: {refusal}"));
    let release = EmergencyRelease::new(directives(&row["local"]), context);
    let looked_at: Vec<Category> = release.categories().collect();
    let shown = seen(|facts| release.permits(facts));
    assert_eq!(
        shown,
        strings(&row["expect"]["ids"]),
        "row {number}: {title}"
    );
    // What the query plan leaves out, the release would not have shown.
    assert_eq!(
        shown,
        seen(|facts| looked_at.contains(&facts.category) && release.permits(facts))
    );
}

fn seen(is_seen: impl Fn(&ResourceFacts) -> bool) -> Vec<String> {
    let resources = TABLE["resources"].as_array().unwrap().iter().map(facts);
    resources.filter(is_seen).map(|facts| facts.id).collect()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|it| it.as_str().unwrap().to_owned())
        .collect()
}

/// The table's short names as member ids.
fn member(short: &str) -> MemberId {
    MemberId::from_code(match short {
        "S" => "0110000002",
        "R" => "0110000003",
        "Q" => "0110000004",
        "PHR" => "x-phr",
        "DMPROJ" => "x-dmproj",
        _ => panic!("no member {short}"),
    })
    .unwrap()
}

fn reference(short: &str) -> String {
    match short {
        "S" => member(short).to_string(),
        _ if short.starts_with("dr-") => format!("Practitioner/{short}"),
        _ if short.starts_with("enc") => format!("Encounter/{short}"),
        _ => short.to_owned(),
    }
}

fn facts(resource: &Value) -> ResourceFacts {
    let labels = strings(&resource["labels"]);
    let authors = [&resource["author"], &resource["author_org"]];
    ResourceFacts {
        id: resource["id"].as_str().unwrap().into(),
        category: resource["cat"]
            .as_str()
            .unwrap()
            .parse::<Category>()
            .unwrap(),
        labels: labels
            .iter()
            .map(|it| it.parse::<Label>().unwrap())
            .collect::<Labels>(),
        date: resource["date"]
            .as_str()
            .map(|date| Span::of_fhir(date).unwrap()),
        authors: authors
            .into_iter()
            .map(|it| reference(it.as_str().unwrap()))
            .collect(),
        related: resource["encounter"]
            .as_str()
            .map(reference)
            .into_iter()
            .collect(),
    }
}

fn request(request: &Value) -> (Context, Scope) {
    let midday = format!("{}T12:00:00+09:00", request["now"].as_str().unwrap());
    let context = Context {
        requester: member(request["org"].as_str().unwrap()),
        practitioner: request["prac"].as_str().map(|id| Practitioner {
            id: id.into(),
            role: request["role"].as_str().unwrap().into(),
        }),
        purpose: strings(&request["purpose"])[0].parse::<Purpose>().unwrap(),
        at: Timestamp::parse_rfc3339(&midday).unwrap(),
    };
    let asked = match &request["scope"] {
        Value::Null => Scope::ALL,
        list => strings(list)
            .iter()
            .map(|it| it.parse::<Category>().unwrap())
            .collect(),
    };
    (context, asked)
}

fn directives(list: &Value) -> Vec<Directive> {
    list.as_array().unwrap().iter().map(directive).collect()
}

fn directive(consent: &Value) -> Directive {
    let root = &consent["provision"];
    let draft = DirectiveDraft {
        kind: ConsentKind::ShareCare,
        patient: "Patient/1".into(),
        performer: Performer::Person,
        date_time: Timestamp::from_unix_seconds(1_782_000_000),
        organization: MemberId::from_code("0110000001").unwrap(),
        source: SourceText {
            version: "1".into(),
            text: "診療のために見せます".into(),
        },
        policy_uri: "https://h.example.jp/policy".into(),
        root: provision(root),
        nested: root["provision"]
            .as_array()
            .into_iter()
            .flatten()
            .map(provision)
            .collect(),
    };
    let status = match consent["status"].as_str().unwrap() {
        "active" => DirectiveStatus::Active,
        "inactive" => DirectiveStatus::Inactive,
        other => panic!("status {other}"),
    };
    Directive::from_fhir(&with_status(draft.to_fhir(), status)).unwrap()
}

fn provision(stated: &Value) -> Provision {
    let labels = strings(&stated["labels"]);
    let classes = strings(&stated["class"]);
    Provision {
        kind: match stated["type"].as_str().unwrap() {
            "permit" => ProvisionType::Permit,
            _ => ProvisionType::Deny,
        },
        period: period(&stated["period"]),
        actors: strings(&stated["actor"])
            .iter()
            .map(|short| actor(short))
            .collect(),
        purposes: strings(&stated["purpose"])
            .iter()
            .map(|it| it.parse().unwrap())
            .collect(),
        criteria: Criteria {
            classes: (!classes.is_empty()).then(|| {
                classes
                    .iter()
                    .map(|it| it.parse::<Category>().unwrap())
                    .collect()
            }),
            labels: (!labels.is_empty()).then(|| {
                labels
                    .iter()
                    .fold(LabelTerms::default(), |all, it| all.with_word(it).unwrap())
            }),
            data_period: period(&stated["dataPeriod"]),
            data: stated["data"]
                .as_array()
                .into_iter()
                .flatten()
                .map(data)
                .collect(),
        },
    }
}

fn actor(short: &str) -> Actor {
    if short.starts_with("dr-") {
        return Actor::Practitioner {
            member: member("R"),
            id: short.into(),
        };
    }
    Actor::Organization(member(short))
}

fn period(stated: &Value) -> Option<Period> {
    let end = |name: &str| {
        stated[name]
            .as_str()
            .map(|text| FhirTime::parse(text).unwrap())
    };
    stated.is_object().then(|| Period {
        start: end("start"),
        end: end("end"),
    })
}

fn data(stated: &Value) -> DataReference {
    DataReference {
        meaning: match stated["meaning"].as_str().unwrap() {
            "instance" => DataMeaning::Instance,
            "related" => DataMeaning::Related,
            _ => DataMeaning::Authoredby,
        },
        reference: reference(stated["ref"].as_str().unwrap()),
    }
}
