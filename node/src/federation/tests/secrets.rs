//! What a decision withholds cannot be felt by whoever asks: every answer to every question is, to
//! the byte, that of a hospital where the withheld never was.
//!
//! Real questions: signed, over mutual TLS, under tokens that a person's decision made. One hospital
//! has everything; for each decision another has what that decision shows, and nothing else.

use federation_protocol::category::Category;
use federation_protocol::consent::{
    Criteria, DataMeaning, DataReference, LabelTerms, Provision, ProvisionType,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::super::query::Question;
use super::*;
use crate::database::testing::runner;

const FULL: usize = ANSWERER;
const SECURITY: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const QUESTIONS: usize = 60;
const MOST_PAGES: usize = 6;

fn sample<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// A resource, and what decides about it.
struct Made {
    resource: Value,
    whose: usize,
    /// Its own and those of what it contains.
    categories: Vec<Category>,
    psychiatric: bool,
    /// By its date, its author, or by what it names.
    reserved: bool,
}

/// What a person decided for one asker.
struct Decided {
    categories: Scope,
    psychiatric: bool,
}

impl Decided {
    fn shows(&self, made: &Made, denied: Category) -> bool {
        let mut categories = made.categories.iter();
        made.whose == 0
            && !made.reserved
            && categories.all(|one| *one != denied && self.categories.contains(*one))
            && (!made.psychiatric || self.psychiatric)
    }

    fn terms(&self) -> LabelTerms {
        let terms = LabelTerms::default().with_word("N").unwrap();
        match self.psychiatric {
            true => terms.with_word("PSY").unwrap(),
            false => terms,
        }
    }
}

fn scope(categories: &[Category]) -> Scope {
    categories
        .iter()
        .fold(Scope::EMPTY, |scope, one| scope.with(*one))
}

fn coded(code: &str) -> Value {
    json!({"coding": [{"system": "urn:c", "code": code, "display": format!("text {code}")}]})
}

fn refer(kind: &str, number: usize) -> Value {
    json!({"reference": format!("{kind}/{}{number}", &kind[..1].to_lowercase())})
}

/// Two people's charts. What is referred to may be written later, or never.
fn charts(runner: &mut TestRunner) -> Vec<Made> {
    use prop::sample::select;
    let one = (
        prop::sample::select(vec![0, 0, 0, 1]),
        select(&["a", "b", "c"][..]),
        select(
            &[
                "2026-01-01",
                "2026-02-01",
                "2026-02-01",
                "2026-03",
                "2011-05-01",
            ][..],
        ),
        select(
            &[
                "laboratory",
                "laboratory",
                "laboratory",
                "vital-signs",
                "social-history",
            ][..],
        ),
        prop::bool::weighted(0.2),
        (0..40_usize, 0..40_usize, 0..12_u8),
    );
    let mut all: Vec<Made> = Vec::new();
    for number in 0..54_usize {
        let (whose, code, date, category, mut psychiatric, (value, other, inside)) =
            sample(runner, &one);
        let patient = ["p", "q"][whose];
        let subject = json!({"reference": format!("Patient/{patient}")});
        let (kind, mut categories) = match number % 9 {
            0 if number > 40 => ("AllergyIntolerance", vec![Category::Allergy]),
            1 if number > 40 => ("Immunization", vec![Category::Procedure]),
            2 if number > 40 => ("Procedure", vec![Category::Procedure]),
            0 => ("Specimen", vec![Category::Lab]),
            1 => ("Condition", vec![Category::Condition]),
            2 => ("MedicationRequest", vec![Category::Rx]),
            3 => ("Encounter", vec![Category::Other]),
            4 => ("DiagnosticReport", vec![Category::Lab]),
            _ => (
                "Observation",
                vec![match category {
                    "laboratory" => Category::Lab,
                    "vital-signs" => Category::Vital,
                    _ => Category::Other,
                }],
            ),
        };
        let mut resource = json!({
            "resourceType": kind, "id": format!("{}{number}", &kind[..1].to_lowercase()),
            "code": coded(code), "subject": subject, "status": "final",
        });
        // Some of these lead to nothing at all, some to the other person, some to what is withheld.
        let fields = match kind {
            "Observation" => json!({
                "category": [{"coding": [{"code": category}]}],
                "effectiveDateTime": date, "valueQuantity": {"value": value, "unit": "mg"},
                "component": [{"code": coded(code), "valueQuantity": {"value": other, "unit": "mg"}}],
                "meta": {"tag": [{"system": "urn:t", "code": code}], "profile": ["urn:profile"]},
                "hasMember": [refer("Observation", other)],
                "derivedFrom": [refer("Observation", value)],
                "focus": [refer("Condition", other), refer("MedicationRequest", value)],
                "specimen": refer("Specimen", other / 9 * 9),
                "encounter": refer("Encounter", other / 9 * 9 + 3),
            }),
            "DiagnosticReport" => json!({
                "category": [{"coding": [{"system": "http://loinc.org", "code": "LP29693-6"}]}],
                "effectiveDateTime": date,
                "result": [refer("Observation", other), refer("Observation", value)],
                "specimen": [refer("Specimen", other / 9 * 9)],
                "encounter": refer("Encounter", other / 9 * 9 + 3),
            }),
            "Condition" => json!({
                "recordedDate": date, "evidence": [{"detail": [refer("Observation", other)]}],
            }),
            "MedicationRequest" => json!({
                "status": "active", "intent": "order", "authoredOn": date,
                "medicationCodeableConcept": coded(code),
            }),
            "AllergyIntolerance" => json!({"patient": subject, "recordedDate": date}),
            "Immunization" => json!({
                "patient": subject, "status": "completed", "occurrenceDateTime": date,
                "vaccineCode": coded(code),
            }),
            "Procedure" => json!({
                "status": "completed", "performedDateTime": date,
                "reasonReference": [refer("Condition", other)],
                "encounter": refer("Encounter", other / 9 * 9 + 3),
            }),
            "Encounter" => json!({
                "status": "finished", "class": {"code": "AMB"},
                "diagnosis": [{"condition": refer("Condition", other)}],
            }),
            _ => json!({"type": coded(code), "collection": {"collectedDateTime": date}}),
        };
        let members = resource.as_object_mut().unwrap();
        members.extend(fields.as_object().unwrap().clone());
        let inside = (kind == "Observation").then_some(inside);
        match inside {
            Some(0) => {
                psychiatric = true;
                categories.push(Category::Condition);
                resource["contained"] = json!([{
                    "resourceType": "Condition", "id": "in", "code": coded("b"),
                    "subject": subject, "meta": {"security": [{"system": SECURITY, "code": "PSY"}]},
                }]);
            }
            Some(1) => {
                categories.push(Category::Rx);
                resource["contained"] = json!([{
                    "resourceType": "MedicationRequest", "id": "in", "status": "active",
                    "intent": "order", "medicationCodeableConcept": coded("b"), "subject": subject,
                }]);
            }
            Some(2) => {
                categories.push(Category::Other);
                resource["contained"] = json!([{
                    "resourceType": "Observation", "id": "in", "status": "final",
                    "category": [{"coding": [{"code": "social-history"}]}], "code": coded("b"),
                    "subject": subject,
                }]);
            }
            Some(3) => {
                resource["contained"] =
                    json!([{"resourceType": "Practitioner", "id": "in", "active": true}]);
            }
            // Of the same category, perhaps of another time.
            Some(4 | 5) => {
                categories.push(Category::Lab);
                let date = if other % 2 == 0 {
                    "2011-02-01"
                } else {
                    "2026-02-01"
                };
                resource["contained"] = json!([{
                    "resourceType": "Observation", "id": "in", "status": "final",
                    "category": [{"coding": [{"code": "laboratory"}]}], "code": coded("b"),
                    "effectiveDateTime": date,
                }]);
            }
            Some(6) => {
                categories.push(Category::Other);
                resource["contained"] = json!([{"resourceType": "Organization", "id": "in",
                    "contained": [{"resourceType": "Condition", "id": "c", "code": coded("b")}]}]);
            }
            Some(7) => resource["performer"] = json!([{"reference": "Practitioner/9/_history/2"}]),
            _ => {}
        }
        if psychiatric && inside != Some(0) {
            resource["meta"]["security"] = json!([{"system": SECURITY, "code": "PSY"}]);
        }
        let text = resource.to_string();
        let marks = ["\"2011-", "Practitioner/9", "\"Encounter/e30\""];
        all.push(Made {
            reserved: number == 14 || marks.iter().any(|mark| text.contains(mark)),
            resource,
            whose,
            categories,
            psychiatric,
        });
    }
    let marking: Vec<Value> = all
        .iter()
        .filter(|one| one.psychiatric && one.resource["resourceType"] == "Encounter")
        .map(|one| {
            json!(format!(
                "Encounter/{}",
                one.resource["id"].as_str().unwrap()
            ))
        })
        .collect();
    for one in &mut all {
        one.psychiatric |= marking.contains(&one.resource["encounter"]["reference"]);
    }
    let coverage = json!({
        "resourceType": "Coverage", "id": "c-p", "status": "active",
        "beneficiary": {"reference": "Patient/p"}, "payor": [{"reference": "Condition/c1"}],
    });
    all.push(Made {
        resource: coverage,
        whose: 0,
        categories: vec![Category::Other],
        psychiatric: false,
        reserved: false,
    });
    all
}

/// What the hospital with everything keeps to itself: a category, a year, what one practitioner wrote,
/// what belongs to one encounter, and one result.
fn reservations(denied: Category) -> [Provision; 3] {
    let deny = |criteria| {
        let mut deny = Provision::any(ProvisionType::Deny);
        deny.criteria = criteria;
        deny
    };
    let year = json!({"start": "2011-01-01", "end": "2011-12-31"});
    let named = |meaning, reference: &str| DataReference {
        meaning,
        reference: reference.to_owned(),
    };
    [
        deny(Criteria {
            classes: Some(scope(&[denied])),
            ..Criteria::default()
        }),
        deny(Criteria {
            data_period: Some(serde_json::from_value(year).unwrap()),
            ..Criteria::default()
        }),
        deny(Criteria {
            data: vec![
                named(DataMeaning::Authoredby, "Practitioner/9"),
                named(DataMeaning::Related, "Encounter/e30"),
                named(DataMeaning::Instance, "Observation/o14"),
            ],
            ..Criteria::default()
        }),
    ]
}

type Asked = (&'static str, Vec<(String, String)>);

/// What each type is asked: criteria, orders, and what is wanted beside.
type Line = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

const ASKED: [Line; 8] = [
    (
        "AllergyIntolerance",
        &[("code", "a"), ("date", "ge2026-02"), ("code:not", "b")],
        &["date", "-code", "_id"],
        &[
            ("_revinclude", "Observation:focus"),
            ("_revinclude", "Condition:evidence-detail"),
        ],
    ),
    (
        "Immunization",
        &[
            ("vaccine-code", "a"),
            ("date", "ge2026-02"),
            ("status", "completed"),
        ],
        &["date", "-status", "_id"],
        &[
            ("_revinclude", "Observation:focus"),
            ("_revinclude", "Condition:evidence-detail"),
        ],
    ),
    (
        "Procedure",
        &[
            ("code", "a"),
            ("date", "ge2026-02"),
            ("status", "completed"),
        ],
        &["date", "-code", "_id"],
        &[
            ("_revinclude", "Observation:focus"),
            ("_revinclude", "Condition:evidence-detail"),
        ],
    ),
    (
        "Observation",
        &[
            ("code", "a"),
            ("code", "b,c"),
            ("code:not", "a"),
            ("code:text", "text b"),
            ("category", "laboratory"),
            ("category:not", "laboratory"),
            ("date", "ge2026-02"),
            ("date", "ne2026-01-01"),
            ("value-quantity", "gt10"),
            ("value-quantity", "lt25||mg"),
            ("code-value-quantity", "a$gt5"),
            ("combo-code", "c"),
            ("component-code", "a"),
            ("component-value-quantity", "gt20"),
            ("component-code-value-quantity", "a$lt25"),
            ("combo-value-quantity", "gt30"),
            ("combo-code-value-quantity", "b$gt5"),
            ("_tag", "urn:t|b"),
            ("_tag:not", "a"),
            ("_profile", "urn:profile"),
            ("status:not", "amended"),
            ("specimen:missing", "false"),
            ("has-member", "Observation/o5"),
            ("has-member", "Observation/o8,Observation/o14"),
            ("has-member:Observation.code", "a"),
            ("has-member.value-quantity", "gt15"),
            ("derived-from:Observation.has-member.code", "b"),
            ("focus:Condition.code", "a"),
            ("focus:MedicationRequest.status", "active"),
            ("focus.code", "b"),
            ("specimen.type", "a"),
            ("encounter", "Encounter/e3"),
            ("_has:DiagnosticReport:result:code", "a"),
            ("_has:DiagnosticReport:result:date", "ge2026-02"),
            ("_has:Observation:has-member:code", "b"),
            ("_has:Observation:has-member:value-quantity", "gt20"),
            ("_has:Observation:derived-from:code:text", "text"),
            ("_has:Condition:evidence-detail:code", "a"),
            (
                "_has:Observation:has-member:_has:DiagnosticReport:result:status",
                "final",
            ),
            ("_lastUpdated", "ge2020"),
            ("_security:not", "x"),
            ("_id", "o5,o6,o7,o8,o14,o15"),
        ],
        &[
            "date",
            "-date",
            "value-quantity",
            "-value-quantity",
            "code,-_id",
            "-code",
            "_lastUpdated",
            "-status,value-quantity",
            "_id",
        ],
        &[
            ("_include", "Observation:has-member"),
            ("_include:iterate", "Observation:has-member"),
            ("_include", "Observation:*"),
            ("_include:iterate", "Observation:*"),
            ("_include", "Observation:focus"),
            ("_include", "Observation:focus:Condition"),
            ("_include", "Observation:specimen"),
            ("_revinclude", "DiagnosticReport:result"),
            ("_revinclude", "DiagnosticReport:*"),
            ("_revinclude", "Observation:has-member"),
            ("_revinclude:iterate", "Observation:derived-from"),
            ("_revinclude", "Condition:evidence-detail"),
        ],
    ),
    (
        "DiagnosticReport",
        &[
            ("code", "a"),
            ("date", "le2026-02"),
            ("result", "Observation/o5,Observation/o8"),
            ("result.code", "b"),
            ("result.value-quantity", "gt5"),
            ("result:Observation.has-member.code", "a"),
            ("result:Observation.specimen.type", "b"),
            ("specimen.type", "a"),
        ],
        &["date", "-code", "_id"],
        &[
            ("_include", "DiagnosticReport:result"),
            ("_include", "DiagnosticReport:*"),
            ("_include:iterate", "Observation:has-member"),
            ("_include", "DiagnosticReport:specimen"),
            ("_revinclude:iterate", "Observation:has-member"),
        ],
    ),
    (
        "Condition",
        &[
            ("code", "a,b"),
            ("date", "2026"),
            ("recorded-date", "ge2026-02"),
            ("evidence-detail", "Observation/o5"),
            ("evidence-detail:Observation.code", "a"),
            ("_has:Observation:focus:code", "b"),
            ("_has:Observation:focus:value-quantity", "lt30"),
        ],
        &["code", "-recorded-date", "_id"],
        &[
            ("_include", "Condition:evidence-detail"),
            ("_revinclude", "Observation:focus"),
            ("_revinclude", "Observation:*"),
        ],
    ),
    (
        "MedicationRequest",
        &[
            ("code", "a"),
            ("status", "active"),
            ("authoredon", "gt2026-01-15"),
            ("_has:Observation:focus:code", "a"),
        ],
        &["authoredon", "-authoredon", "code,_id"],
        &[
            ("_revinclude", "Observation:focus"),
            ("_include:iterate", "Observation:has-member"),
        ],
    ),
    (
        "Specimen",
        &[
            ("type", "a"),
            ("collected", "2026"),
            ("_has:Observation:specimen:code", "a"),
            ("_has:DiagnosticReport:specimen:code", "b"),
        ],
        &["type", "-collected"],
        &[
            ("_revinclude", "Observation:specimen"),
            ("_revinclude", "DiagnosticReport:specimen"),
        ],
    ),
];

/// Where results stand among the types.
const RESULTS: usize = 3;

fn question(runner: &mut TestRunner) -> Asked {
    use prop::sample::{select, subsequence};
    let line = sample(
        runner,
        &prop_oneof![4 => Just(RESULTS), 4 => 0..ASKED.len()],
    );
    let (kind, criteria, orders, beside) = ASKED[line];
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let some = (
        subsequence(criteria.to_vec(), 0..3),
        prop::option::of(select(orders)),
        subsequence(beside.to_vec(), 0..3),
        1..6_usize,
    );
    let (criteria, order, beside, count) = sample(runner, &some);
    let mut pairs: Vec<_> = criteria.iter().chain(&beside).map(pair).collect();
    pairs.extend(order.map(|order| ("_sort".to_owned(), order.to_owned())));
    pairs.push(("_count".to_owned(), count.to_string()));
    (kind, pairs)
}

/// Somebody who asks one hospital, under one token.
struct Asker<'t> {
    town: &'t Town,
    to: usize,
    token: String,
}

impl Asker<'_> {
    async fn send(&self, path: &str, content_type: &'static str, body: String) -> (u16, String) {
        let ask = Ask {
            path: path.to_owned(),
            content_type,
            purpose: Purpose::Treat,
            actor: Actor {
                id: Some("dr-0042".into()),
                role: "physician".into(),
                dept: None,
                acr: None,
                at: None,
            },
            consent: Some(self.token.clone()),
            body: body.into_bytes(),
        };
        let exchanges = self.town.hospitals[ASKER].federation.exchanges();
        let to = &self.town.hospitals[self.to].me;
        let exchanged = exchanges.ask(to, &ask, Duration::from_secs(20)).await;
        let answer = exchanged.result.unwrap();
        let text = String::from_utf8(answer.body.clone()).unwrap();
        (answer.status, text)
    }

    async fn page(&self, kind: &str, form: &str) -> (u16, String) {
        let path = format!("/federation/v1/fhir/{kind}/_search");
        let media = "application/x-www-form-urlencoded";
        self.send(&path, media, form.to_owned()).await
    }

    /// Every page, to the byte but for cursors, whose length stays.
    async fn pages(&self, asked: &Asked) -> Vec<(u16, String)> {
        let (kind, form) = (asked.0, form(asked));
        let (mut pages, mut next_form) = (Vec::new(), form.clone());
        while pages.len() < MOST_PAGES {
            let (status, text) = self.page(kind, &next_form).await;
            let next = cursor(&text).map(str::to_owned);
            let hidden = next
                .as_deref()
                .map(|next| text.replace(next, &"x".repeat(next.len())));
            pages.push((status, hidden.unwrap_or(text)));
            let Some(next) = next else { break };
            next_form = format!("{form}&_cursor={next}");
        }
        pages
    }

    async fn batch(&self, questions: &[Asked]) -> (u16, String) {
        let entries: Vec<Value> = questions
            .iter()
            .map(|asked| {
                let url = format!("{}?{}", asked.0, form(asked));
                json!({"request": {"method": "GET", "url": url}})
            })
            .collect();
        let body = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
        let path = super::super::inbound::FHIR_PATH;
        let (status, mut text) = self
            .send(path, "application/fhir+json", body.to_string())
            .await;
        while let Some(next) = cursor(&text).map(str::to_owned) {
            text = text.replace(&format!("_cursor={next}"), "_cursor:x");
        }
        (status, text)
    }
}

fn form((kind, pairs): &Asked) -> String {
    Question::from_pairs(kind, pairs).unwrap().to_form()
}

fn cursor(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("?_cursor=")?;
    rest.split('"').next()
}

/// The person, with `all` at one hospital, and at each further one what a decision shows; the askers
/// of the first and of the bare hospital, for each decision.
async fn decided<'t>(
    town: &'t Town,
    all: &[Made],
    decisions: &[Decided],
    denied: Category,
) -> Vec<(Asker<'t>, Asker<'t>)> {
    let phone = town.person().await;
    let other = r#"{"resourceType":"Patient","id":"q"}"#;
    let texts: Vec<String> = all.iter().map(|one| one.resource.to_string()).collect();
    let full = &town.hospitals[FULL];
    full.charts(&[other]).await;
    full.charts(&texts.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    for reservation in reservations(denied) {
        full.reserves(reservation).await;
    }
    let mut askers = Vec::new();
    for (bare, decision) in (FULL + 1..).zip(decisions) {
        let shown = all.iter().zip(&texts);
        let shown = shown.filter(|(made, _)| decision.shows(made, denied));
        let shown: Vec<&str> = shown.map(|(_, text)| text.as_str()).collect();
        town.hospitals[bare].charts(&shown).await;
        let between = (ASKER, &[FULL, bare][..]);
        let code = town
            .code_for(&phone, between, decision.categories, decision.terms())
            .await;
        let words: Vec<&str> = decision.categories.iter().map(Category::as_str).collect();
        let (status, grant) = redeem(town, &code, &words).await;
        assert_eq!(status, 201, "{grant}");
        let grant = grant["grant"].as_str().unwrap();
        askers.push((
            asker_under(town, FULL, grant).await,
            asker_under(town, bare, grant).await,
        ));
    }
    askers
}

/// Who asks one hospital under a grant.
async fn asker_under<'t>(town: &'t Town, to: usize, grant: &str) -> Asker<'t> {
    let held = town.hospitals[ASKER].federation.asking().held();
    let now = federation_protocol::sample::NOW;
    let (_, tokens) = held.of(grant, "dr-0042", now).await.unwrap().unwrap();
    let me = &town.hospitals[to].me;
    let token = tokens.iter().find(|one| one.responder == *me).unwrap();
    Asker {
        town,
        to,
        token: token.token.clone(),
    }
}

#[actix_web::test]
async fn no_question_tells_of_what_a_decision_withholds() {
    let decisions = [
        Decided {
            categories: scope(&[Category::Lab]),
            psychiatric: false,
        },
        Decided {
            categories: scope(&[
                Category::Lab,
                Category::Vital,
                Category::Condition,
                Category::Allergy,
                Category::Procedure,
            ]),
            psychiatric: false,
        },
        Decided {
            categories: scope(&[Category::Lab, Category::Condition, Category::Rx]),
            psychiatric: true,
        },
    ];
    Town::on_each(6, async |town| {
        let mut runner = runner();
        let denied = Category::Vital;
        // Some draws show hardly anything.
        let all = loop {
            let all = charts(&mut runner);
            let results = |decision: &Decided| {
                let shown = all.iter().filter(|made| decision.shows(made, denied));
                let results = shown.filter(|made| made.resource["resourceType"] == "Observation");
                results.count()
            };
            if decisions.iter().all(|decision| results(decision) > 3) {
                break all;
            }
        };
        let askers = decided(&town, &all, &decisions, denied).await;
        let (mut told, mut beside, mut further) = (0, 0, 0);
        for ((full, bare), decision) in askers.iter().zip(&decisions) {
            let asked = |kind| match kind {
                "Condition" => decision.categories.contains(Category::Condition),
                "MedicationRequest" => decision.categories.contains(Category::Rx),
                "AllergyIntolerance" => decision.categories.contains(Category::Allergy),
                "Immunization" | "Procedure" => decision.categories.contains(Category::Procedure),
                _ => true,
            };
            let mut questions = Vec::new();
            while questions.len() < QUESTIONS {
                let question = question(&mut runner);
                questions.extend(Some(question).filter(|(kind, _)| asked(*kind)));
            }
            for question in &questions {
                let expected = bare.pages(question).await;
                assert_eq!(expected[0].0, 200, "{question:?}: {}", expected[0].1);
                let answer = full.pages(question).await;
                assert_eq!(answer, expected, "{question:?}");
                told += usize::from(expected[0].1.contains("match"));
                beside += usize::from(
                    expected
                        .iter()
                        .any(|(_, text)| text.contains("\"include\"")),
                );
                further += usize::from(expected.len() > 1);
            }
            for questions in questions.chunks(5) {
                let expected = bare.batch(questions).await;
                assert_eq!(expected.0, 200, "{questions:?}: {}", expected.1);
                assert_eq!(full.batch(questions).await, expected, "{questions:?}");
            }
        }
        let seen = (told, beside, further);
        let least = QUESTIONS / 20;
        assert!(
            told > 2 * least && beside > least && further > least,
            "{seen:?}"
        );
    })
    .await;
}

/// A chart by hand: what is shown (lab), and beside it what must not be felt.
const BY_HAND: [&str; 14] = [
    r#"{"resourceType":"Specimen","id":"s1","subject":{"reference":"Patient/p"},"type":{"text":"blood"}}"#,
    r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"urn:c","code":"himitsu"}]}}"#,
    r#"{"resourceType":"MedicationRequest","id":"m1","status":"active","intent":"order","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"text":"himitsu"}}"#,
    r#"{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"himitsu"},"subject":{"reference":"Patient/p"},"diagnosis":[{"condition":{"reference":"Condition/c1"}}]}"#,
    r#"{"resourceType":"Coverage","id":"v1","status":"active","beneficiary":{"reference":"Patient/p"},"payor":[{"reference":"Patient/p"}]}"#,
    r#"{"resourceType":"Observation","id":"q1","status":"final","category":[{"coding":[{"code":"laboratory"}]}],"code":{"coding":[{"system":"urn:c","code":"himitsu"}]},"subject":{"reference":"Patient/q"},"valueQuantity":{"value":50}}"#,
    r#"{"resourceType":"Observation","id":"psy","status":"final","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]},"category":[{"coding":[{"code":"laboratory"}]}],"code":{"coding":[{"system":"urn:c","code":"himitsu"}]},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2026-02-01","valueQuantity":{"value":50},"hasMember":[{"reference":"Specimen/s1"}]}"#,
    r#"{"resourceType":"Observation","id":"in","status":"final","contained":[{"resourceType":"Condition","id":"x","code":{"text":"himitsu"}}],"category":[{"coding":[{"code":"laboratory"}]}],"code":{"coding":[{"system":"urn:c","code":"a"}]},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2026-02-02","valueQuantity":{"value":51}}"#,
    r#"{"resourceType":"Observation","id":"l1","status":"final","category":[{"coding":[{"code":"laboratory"}]}],"code":{"coding":[{"system":"urn:c","code":"a"}]},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2026-01-01","valueQuantity":{"value":7},"specimen":{"reference":"Specimen/s1"},"hasMember":[{"reference":"Observation/psy"}],"focus":[{"reference":"Condition/c1"}]}"#,
    r#"{"resourceType":"Observation","id":"l2","status":"final","category":[{"coding":[{"code":"laboratory"}]}],"code":{"coding":[{"system":"urn:c","code":"b"}]},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2026-03-01","valueQuantity":{"value":5},"hasMember":[{"reference":"Observation/l1"},{"reference":"Observation/q1"}],"encounter":{"reference":"Encounter/e1"}}"#,
    r#"{"resourceType":"Observation","id":"sum","status":"final","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]},"category":[{"coding":[{"code":"laboratory"}]}],"code":{"text":"himitsu"},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2026-04-01","hasMember":[{"reference":"Observation/l1"},{"reference":"Observation/l2"}]}"#,
    r#"{"resourceType":"DiagnosticReport","id":"r1","status":"final","category":[{"coding":[{"system":"http://loinc.org","code":"LP29693-6"}]}],"code":{"text":"r"},"subject":{"reference":"Patient/p"},"result":[{"reference":"Observation/l1"},{"reference":"Observation/psy"}]}"#,
    r#"{"resourceType":"DiagnosticReport","id":"rq","status":"amended","category":[{"coding":[{"system":"http://loinc.org","code":"LP29693-6"}]}],"code":{"text":"himitsu"},"subject":{"reference":"Patient/q"},"result":[{"reference":"Observation/l1"},{"reference":"Observation/l2"}]}"#,
    r#"{"resourceType":"DiagnosticReport","id":"rp","status":"appended","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"LP29693-6"}]}],"code":{"text":"himitsu"},"subject":{"reference":"Patient/p"},"result":[{"reference":"Observation/l2"}]}"#,
];

/// Type and form, the ids of the matches, the addresses beside them.
const ATTACKS: [(&str, &str, &[&str], &[&str]); 22] = [
    // What is shown is found by each way of asking.
    ("Observation", "_sort=value-quantity", &["l2", "l1"], &[]),
    ("Observation", "has-member:Observation.code=a", &["l2"], &[]),
    (
        "Observation",
        "_has:DiagnosticReport:result:status=final",
        &["l1"],
        &[],
    ),
    (
        "Observation",
        "code=a&_include=Observation:specimen",
        &["l1"],
        &["Specimen/s1"],
    ),
    (
        "Observation",
        "code=a&_revinclude=DiagnosticReport:result",
        &["l1"],
        &["DiagnosticReport/r1"],
    ),
    // Order and pages.
    (
        "Observation",
        "_sort=-value-quantity&_count=1",
        &["l1"],
        &[],
    ),
    ("Observation", "_sort=-date&_count=2", &["l2", "l1"], &[]),
    // Chains through what is withheld, is another's, or is of another category.
    (
        "Observation",
        "has-member:Observation.code=himitsu",
        &[],
        &[],
    ),
    ("Observation", "has-member.value-quantity=ge50", &[], &[]),
    ("Observation", "focus:Condition.code=himitsu", &[], &[]),
    ("DiagnosticReport", "result.code=himitsu", &[], &[]),
    (
        "DiagnosticReport",
        "result:Observation.has-member.code=himitsu",
        &[],
        &[],
    ),
    // Referred to by what is withheld or another's.
    (
        "Observation",
        "_has:DiagnosticReport:result:status=amended,appended",
        &[],
        &[],
    ),
    (
        "Observation",
        "_has:Observation:has-member:date=2026-04-01",
        &[],
        &[],
    ),
    (
        "Observation",
        "_has:Observation:has-member:code=b",
        &["l1"],
        &[],
    ),
    // Beside the matches.
    (
        "Observation",
        "_include=Observation:has-member",
        &["l2", "l1"],
        &[],
    ),
    (
        "Observation",
        "code=b&_include=Observation:*",
        &["l2"],
        &["Observation/l1"],
    ),
    (
        "Observation",
        "code=b&_include:iterate=Observation:*",
        &["l2"],
        &["Observation/l1", "Specimen/s1"],
    ),
    (
        "Observation",
        "code=b&_revinclude=DiagnosticReport:*",
        &["l2"],
        &[],
    ),
    (
        "Observation",
        "code=b&_revinclude:iterate=Observation:*",
        &["l2"],
        &[],
    ),
    (
        "DiagnosticReport",
        "_include=DiagnosticReport:result",
        &["r1"],
        &["Observation/l1"],
    ),
    // What contains what is withheld.
    ("Observation", "code=a", &["l1"], &[]),
];

#[actix_web::test]
async fn no_attack_by_hand_gets_past_the_decision() {
    Town::on_each(3, async |town| {
        let phone = town.person().await;
        let answerer = &town.hospitals[ANSWERER];
        answerer
            .charts(&[r#"{"resourceType":"Patient","id":"q"}"#])
            .await;
        answerer.charts(&BY_HAND).await;
        let code = town
            .code(&phone, ASKER, scope(&[Category::Lab]), &[ANSWERER])
            .await;
        let (_, grant) = redeem(&town, &code, &["lab"]).await;
        let asker = asker_under(&town, ANSWERER, grant["grant"].as_str().unwrap()).await;
        for (kind, form, matches, beside) in ATTACKS {
            let (status, text) = asker.page(kind, form).await;
            assert_eq!(status, 200, "{kind}?{form}: {text}");
            assert!(!text.contains("himitsu"), "{kind}?{form}: {text}");
            let bundle: Value = serde_json::from_str(&text).unwrap();
            let of = |mode: &str| -> Vec<String> {
                let entries = bundle["entry"].as_array().unwrap().iter();
                let entries = entries.filter(|entry| entry["search"]["mode"] == mode);
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                entries
                    .map(|entry| match mode {
                        "match" => text(&entry["resource"]["id"]),
                        _ => format!(
                            "{}/{}",
                            text(&entry["resource"]["resourceType"]),
                            text(&entry["resource"]["id"])
                        ),
                    })
                    .collect()
            };
            assert_eq!(of("match"), matches, "{kind}?{form}");
            assert_eq!(of("include"), beside, "{kind}?{form}");
        }
        let lines = answerer.lines(Kind::Disclosure).await;
        let told = |(shown, withheld)| {
            lines
                .iter()
                .any(|line| (line.shown, line.withheld) == (Some(shown), Some(withheld)))
        };
        // `code=b&_include:iterate`: one match and two beside it; what l1 refers to is withheld.
        assert!(told((3, 1)), "what stands beside is counted too");
        for form in [
            "patient=p",
            "subject=Patient/q",
            "_revinclude=Encounter:diagnosis",
            "_revinclude=Coverage:payor",
            "_include=Observation:subject",
            "_include=Observation:encounter",
            "encounter:Encounter.class=himitsu",
            "_has:Encounter:diagnosis:class=himitsu",
            "_total=accurate",
            "_summary=count",
            "_elements=id",
        ] {
            let (status, text) = asker.page("Observation", form).await;
            assert_eq!(status, 400, "{form}: {text}");
            assert!(text.contains("query_not_allowed"), "{form}: {text}");
        }
    })
    .await;
}

#[actix_web::test]
async fn a_merged_answer_keeps_whose_each_resource_beside_is() {
    let (town, grant) = granted(3, everything(), &["lab", "rx", "condition"]).await;
    let shown = [BY_HAND[0], BY_HAND[8], BY_HAND[9], BY_HAND[11]];
    town.hospitals[ANSWERER].charts(&shown).await;
    // The own chart has all, with another patient's report on this one's result.
    let own = &town.hospitals[ASKER];
    own.charts(&[r#"{"resourceType":"Patient","id":"q"}"#])
        .await;
    own.charts(&BY_HAND).await;
    let query = "Observation?code=a&_sort=value-quantity&_include=Observation:*\
                 &_revinclude=DiagnosticReport:result";
    let path = format!("/federated/{grant}/fhir/{query}");
    let (status, text) = ask_http(own, &path).await;
    assert_eq!(status, 200, "{text}");
    let bundle: Value = serde_json::from_str(&text).unwrap();
    let of = |hospital: usize, mode: &str| -> Vec<String> {
        let entries = bundle["entry"].as_array().unwrap().iter();
        let me = town.hospitals[hospital].me.as_str();
        let entries = entries.filter(|entry| {
            entry["search"]["mode"] == mode && entry["resource"]["meta"]["source"] == me
        });
        let ids = entries.map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned());
        ids.collect()
    };
    assert_eq!(of(ANSWERER, "match"), ["l1"]);
    assert_eq!(of(ANSWERER, "include"), ["s1", "r1"]);
    let mine = of(ASKER, "include");
    assert!(mine.contains(&"s1".to_owned()) && mine.contains(&"r1".to_owned()));
    for never in ["rq", "q1", "e1", "p"] {
        assert!(!mine.contains(&never.to_owned()), "{never}: {mine:?}");
    }
    let manifest = bundle["entry"][0]["resource"]["extension"][0]["valueString"].as_str();
    let claims = claims(manifest.unwrap());
    let asked = claims["asked"].as_array().unwrap();
    let answered = asked.iter().find(|one| one["self"].is_null()).unwrap();
    assert_eq!(
        (&answered["entries"], &answered["included"]),
        (&json!(1), &json!(2))
    );
    let line = own.lines(Kind::Query).await;
    assert!(line.iter().any(|line| line.shown == Some(3)));
}

#[actix_web::test]
async fn what_changes_between_two_pages_tells_nothing_and_a_cursor_serves_one_chart() {
    Town::on_each(3, async |town| {
        let phone = town.person().await;
        let answerer = &town.hospitals[ANSWERER];
        answerer.charts(&[BY_HAND[8], BY_HAND[9]]).await;
        let code = town.code(&phone, ASKER, everything(), &[ANSWERER]).await;
        let (_, grant) = redeem(&town, &code, &["lab", "rx"]).await;
        let asker = asker_under(&town, ANSWERER, grant["grant"].as_str().unwrap()).await;
        let first = "_sort=value-quantity&_count=1";
        let (_, text) = asker.page("Observation", first).await;
        let next = cursor(&text).unwrap().to_owned();
        // The same cursor for another order, and for the order of the chart, opens nothing.
        for form in ["_sort=-value-quantity&_count=1", "_count=1"] {
            let (status, _) = asker
                .page("Observation", &format!("{form}&_cursor={next}"))
                .await;
            assert_eq!(status, 400, "{form}");
        }
        let second = format!("{first}&_cursor={next}");
        assert!(
            asker
                .page("Observation", &second)
                .await
                .1
                .contains("\"l1\"")
        );
        // The person takes everything back: the list that was made before tells nothing of it.
        answerer.reserves_everything().await;
        let (status, text) = asker.page("Observation", &second).await;
        let (_, nothing) = asker.page("Observation", "_id=none").await;
        assert_eq!((status, text), (200, nothing));
    })
    .await;
}
