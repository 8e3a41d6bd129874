//! Where candidates are looked for: few narrow questions to the index, each of which most people
//! who are the same person would answer.

use super::name::{Names, Word};
use super::person::{Person, Sex};
use crate::records::ResourceType;
use crate::records::date;
use crate::records::query::condition::{Comparison, Condition, DateTest, Rows, Test};
use crate::records::system::hash_code;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// `Patient`, or `Coverage` for its patients.
    pub(super) kind: ResourceType,
    pub(super) conditions: Vec<Condition>,
    /// Asks for an identifier.
    pub(super) identifying: bool,
}

/// The questions for a person, the surest first.
pub(super) fn blocks(person: &Person) -> Vec<Block> {
    let named = ["Patient", "Coverage"].map(ResourceType::named);
    let [Some(patient), Some(coverage)] = named else {
        return Vec::new();
    };
    let born = born(patient, person);
    let with_birth_date = |also: Option<Condition>| Some(vec![born.clone()?, also?]);
    let by_name = [
        // Kana name and birth date: married names keep the given one.
        with_birth_date(beginning(patient, "name", every_name(&person.names))),
        // Birth date, sex and address.
        with_birth_date(home(patient, person)).map(|mut all| {
            all.extend(sex(patient, person));
            all
        }),
        // The name alone: somebody mistook the birth date.
        whole_name(patient, &person.names),
    ];
    let numbers = numbers(person);
    let identified = [patient, coverage].map(|kind| Block {
        kind,
        conditions: vec![Condition::Row(Rows {
            slots: vec![kind.matching_slot()],
            test: Test::Token(numbers.clone()),
            identifying: true,
            own: None,
        })],
        identifying: true,
    });
    let identified = identified.into_iter().filter(|_| !numbers.is_empty());
    let named = by_name.into_iter().flatten().map(|conditions| Block {
        kind: patient,
        conditions,
        identifying: false,
    });
    identified.chain(named).collect()
}

/// Families of insured-person identifiers, whose branches are compared afterwards, and patient
/// numbers.
fn numbers(person: &Person) -> Vec<i64> {
    let families = person.insured.iter().map(|one| one.id.family_hash());
    let charts = person.charts.iter().map(|chart| chart.hash());
    families.chain(charts).collect()
}

fn born(patient: ResourceType, person: &Person) -> Option<Condition> {
    let span = date::parse(person.born.as_deref()?)?;
    let how = Comparison::Equal;
    let by = patient.parameter("birthdate")?;
    Some(Rows::of(by, Test::Date(vec![DateTest { how, span }])))
}

fn sex(patient: ResourceType, person: &Person) -> Option<Condition> {
    let code = match person.sex? {
        Sex::Female => "female",
        Sex::Male => "male",
    };
    let by = patient.parameter("gender")?;
    Some(Rows::of(by, Test::Token(vec![hash_code(code)])))
}

fn home(patient: ResourceType, person: &Person) -> Option<Condition> {
    let texts = person.postal_codes.iter().chain(&person.places);
    beginning(patient, "address", texts.cloned().collect())
}

fn every_name(names: &Names) -> Vec<String> {
    texts(names.family.iter().chain(&names.given).chain(&names.whole))
}

/// Family and given name in one chart; or, where they are not told apart, the text of both.
fn whole_name(patient: ResourceType, names: &Names) -> Option<Vec<Condition>> {
    let family = beginning(patient, "family", texts(&names.family));
    let given = beginning(patient, "given", texts(&names.given));
    match family.zip(given) {
        Some((family, given)) => Some(vec![given, family]),
        None => Some(vec![beginning(patient, "name", texts(&names.whole))?]),
    }
}

fn texts<'w>(words: impl IntoIterator<Item = &'w Word>) -> Vec<String> {
    words
        .into_iter()
        .map(|word| word.text().to_owned())
        .collect()
}

fn beginning(patient: ResourceType, parameter: &str, texts: Vec<String>) -> Option<Condition> {
    let by = patient.parameter(parameter)?;
    (!texts.is_empty()).then(|| Rows::of(by, Test::Beginning(texts)))
}
