//! What is asked: of charts that are there, so that every answer has something in it.

use std::collections::BTreeMap;

use musubi_node::records::{Address, ResourceType, SearchQuery};
use serde_json::Value;

use crate::source::Source;

/// Matches of a search, and entries of its page.
pub(crate) const HITS: usize = 50;
/// At least so many different questions of a kind, where the town has them.
const ENOUGH: u64 = 20_000;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    /// With the decision who may, and its durable audit line.
    Audited,
    Codes,
    Chain,
    Everything,
    Name,
    Transaction,
    Mix,
}

impl Kind {
    /// Those with rows of their own.
    pub(crate) const ALONE: [Self; 6] = [
        Self::Read,
        Self::Audited,
        Self::Codes,
        Self::Chain,
        Self::Everything,
        Self::Name,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Read => "read by id",
            Self::Audited => "read by id, permit and audit line",
            Self::Codes => "patient + codes, 50 hits",
            Self::Chain => "patient.identifier=, 50 hits",
            Self::Everything => "$everything, first 50",
            Self::Name => "Patient by kana name, 50 a page",
            Self::Transaction => "transactions of 3 among them",
            Self::Mix => "mix, 80 % asking, 20 % writing",
        }
    }

    /// What the mix does in this turn: of ten, two transactions, four reads, two searches by code,
    /// and one of the others.
    pub(crate) const fn in_turn(self, turn: usize) -> Self {
        if !matches!(self, Self::Mix) {
            return self;
        }
        match turn % 10 {
            0 | 5 => Self::Transaction,
            1 | 3 | 6 | 8 => Self::Read,
            2 | 7 => Self::Codes,
            4 => Self::Chain,
            _ if turn % 20 < 10 => Self::Everything,
            _ => Self::Name,
        }
    }
}

/// Ready questions of each kind.
#[derive(Default)]
pub(crate) struct Questions {
    pub(crate) addresses: Vec<Address>,
    pub(crate) patients: Vec<Address>,
    pub(crate) codes: Vec<SearchQuery>,
    pub(crate) chains: Vec<SearchQuery>,
    pub(crate) names: Vec<SearchQuery>,
}

impl Questions {
    /// Reads through the file once.
    pub(crate) fn of(source: &Source) -> Self {
        let mut questions = Self::default();
        let every = (source.resources / ENOUGH).max(1);
        // The file has chart after chart.
        let mut chart = Chart::default();
        for (number, line) in (0_u64..).zip(source.lines()) {
            let resource: Value = serde_json::from_str(&line).unwrap();
            let kind = resource["resourceType"].as_str().unwrap();
            let address = format!("{kind}/{}", resource["id"].as_str().unwrap());
            if number % every == 0 {
                questions.addresses.push(Address::parse(&address).unwrap());
            }
            match kind {
                "Patient" => {
                    questions.results(&chart);
                    chart = Chart::of(&address, &resource);
                    questions.patient(&address, &resource);
                }
                "Observation" => chart.count(&resource),
                _ => {}
            }
        }
        questions.results(&chart);
        assert!(!questions.codes.is_empty(), "nobody has {HITS} results");
        questions
    }

    fn patient(&mut self, address: &str, patient: &Value) {
        self.patients.push(Address::parse(address).unwrap());
        let kana = patient["name"][1]["family"].as_str().unwrap();
        self.names.push(search("Patient", &[("name", kana)]));
    }

    /// What can be asked about a chart with enough results.
    fn results(&mut self, chart: &Chart) {
        if let Some(codes) = chart.codes() {
            let by_codes = [("patient", &*chart.patient), ("code", &codes)];
            self.codes.push(search("Observation", &by_codes));
            let by_number = [("patient.identifier", &*chart.number)];
            self.chains.push(search("Observation", &by_number));
        }
    }
}

/// One patient's results.
#[derive(Default)]
struct Chart {
    patient: String,
    /// The chart's number at the hospital, `system|value`.
    number: String,
    /// How many results each code has.
    results: BTreeMap<String, usize>,
}

impl Chart {
    fn of(address: &str, patient: &Value) -> Self {
        let identifier = &patient["identifier"][0];
        Self {
            patient: address.to_owned(),
            number: token(&identifier["system"], &identifier["value"]),
            results: BTreeMap::new(),
        }
    }

    fn count(&mut self, observation: &Value) {
        let coding = &observation["code"]["coding"][0];
        let code = token(&coding["system"], &coding["code"]);
        *self.results.entry(code).or_default() += 1;
    }

    /// As few codes as together have enough results: a panel over the years. None where the chart
    /// has too few.
    fn codes(&self) -> Option<String> {
        let mut codes: Vec<(&String, usize)> = self.results.iter().map(|(c, n)| (c, *n)).collect();
        codes.sort_by_key(|(_, results)| std::cmp::Reverse(*results));
        let (mut asked, mut hits) = (Vec::new(), 0);
        for (code, results) in codes {
            if hits >= HITS {
                break;
            }
            asked.push(code.as_str());
            hits += results;
        }
        (hits >= HITS).then(|| asked.join(","))
    }
}

/// `system|value`, as a search wants it.
fn token(system: &Value, value: &Value) -> String {
    format!("{}|{}", system.as_str().unwrap(), value.as_str().unwrap())
}

fn search(kind: &str, pairs: &[(&str, &str)]) -> SearchQuery {
    let kind = ResourceType::named(kind).unwrap();
    let count = HITS.to_string();
    let paged: Vec<(&str, &str)> = pairs.iter().copied().chain([("_count", &*count)]).collect();
    SearchQuery::parse(kind, &paged).unwrap()
}
