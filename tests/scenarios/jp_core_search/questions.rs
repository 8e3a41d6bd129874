//! What an example must be found by, and must not: read from its values, as FHIR's page on search
//! has it.

use serde_json::Value;

use super::paths::{elements, path};

/// `name` and value of one criterion.
pub(super) type Pair = (String, String);

/// A parameter's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Token,
    Text,
    Date,
    Reference,
    Quantity,
    Uri,
    Composite,
}

impl Kind {
    pub(super) fn named(name: &str) -> Self {
        match name {
            "token" => Self::Token,
            "string" => Self::Text,
            "date" => Self::Date,
            "reference" => Self::Reference,
            "quantity" => Self::Quantity,
            "uri" => Self::Uri,
            "composite" => Self::Composite,
            other => panic!("{other}"),
        }
    }
}

/// The questions about one example by one parameter.
#[derive(Default)]
pub(super) struct Questions {
    code: String,
    base: String,
    /// Whether the example says anything that the parameter means.
    pub(super) has_value: bool,
    asked: Vec<(Pair, bool)>,
}

impl Questions {
    pub(super) fn about(example: &Value, (of, code): (&str, &str), kind: Kind, base: &str) -> Self {
        let mut questions = Self {
            code: code.to_owned(),
            base: base.to_owned(),
            ..Self::default()
        };
        let path = path(of, code);
        if kind == Kind::Composite {
            questions.together(example, path);
            return questions;
        }
        let mut values = elements(example, path);
        if code == "patient" {
            values.retain(|reference| leads_to_a_patient(example, reference));
        }
        questions.has_value = !values.is_empty();
        for value in values {
            questions.ask(kind, value);
        }
        let missing = format!("{code}:missing");
        let (yes, no) = (!questions.has_value, questions.has_value);
        questions
            .asked
            .push(((missing.clone(), "true".to_owned()), yes));
        questions.asked.push(((missing, "false".to_owned()), no));
        questions
    }

    /// Every question, and whether the example is an answer to it.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Pair, bool)> {
        self.asked.iter().map(|(pair, finds)| (pair, *finds))
    }

    /// The first that finds it, by a value.
    pub(super) fn first(&self) -> Option<&Pair> {
        let mut finding = self.all().filter(|(_, finds)| *finds);
        finding
            .find(|((name, _), _)| !name.contains(":missing"))
            .map(|(pair, _)| pair)
    }

    fn finds(&mut self, modifier: &str, value: String) {
        let name = format!("{}{modifier}", self.code);
        self.asked.push(((name, value), true));
    }

    fn misses(&mut self, modifier: &str, value: String) {
        let name = format!("{}{modifier}", self.code);
        self.asked.push(((name, value), false));
    }

    fn ask(&mut self, kind: Kind, value: &Value) {
        match kind {
            Kind::Token => self.token(value),
            Kind::Text => texts(value).into_iter().for_each(|text| self.text(text)),
            Kind::Date => self.date(value),
            Kind::Reference => self.reference(value),
            Kind::Quantity => self.quantity(value),
            Kind::Uri => self.finds("", escaped(value.as_str().unwrap())),
            Kind::Composite => unreachable!(),
        }
    }

    fn token(&mut self, value: &Value) {
        for (system, code) in tokens(value) {
            let code = escaped(&code);
            // The system of a bare code is its element's: whichever is named, it is not compared.
            if let Some(system) = &system {
                self.misses("", format!("urn:nowhere|{code}"));
                self.finds("", format!("{}|{code}", escaped(system)));
                self.misses("", format!("{}|{code}x", escaped(system)));
                self.misses(":not", format!("{}|{code}", escaped(system)));
                if !system.is_empty() {
                    self.finds("", format!("{}|", escaped(system)));
                }
            }
            self.finds("", code.clone());
            self.finds("", format!("nowhere,{code}"));
            self.misses("", format!("{code}x"));
            self.misses(":not", code);
        }
        let read = elements(value, "text|display|coding.display");
        for text in read.into_iter().filter_map(Value::as_str) {
            self.finds(":text", escaped(text));
            self.misses(":text", escaped(&format!("無{text}")));
        }
    }

    fn text(&mut self, text: &str) {
        let half = text.chars().count().div_ceil(2);
        let begin: String = text.chars().take(half).collect();
        let end: String = text.chars().skip(half - 1).collect();
        self.finds("", escaped(&begin));
        self.finds("", escaped(text));
        self.finds(":exact", escaped(text));
        self.finds(":contains", escaped(&end));
        self.misses("", escaped(&format!("無{text}")));
        self.misses(":exact", escaped(&format!("{text}無")));
        self.misses(":contains", escaped(&format!("{text}無")));
    }

    fn date(&mut self, value: &Value) {
        match value.as_str() {
            Some(text) => self.moment(text),
            None => self.period(value),
        }
    }

    fn moment(&mut self, text: &str) {
        let year: i32 = text[..4].parse().unwrap();
        for prefix in ["", "eq", "ge", "le"] {
            self.finds("", format!("{prefix}{text}"));
        }
        for prefix in ["ne", "gt", "lt", "sa", "eb"] {
            self.misses("", format!("{prefix}{text}"));
        }
        // The day and the month as they stand there, in Japan.
        for length in [10, 7, 4]
            .into_iter()
            .filter(|length| text.len() >= *length)
        {
            self.finds("", text[..length].to_owned());
        }
        for prefix in ["gt", "ge", "sa", "ne"] {
            self.finds("", format!("{prefix}{}", year - 1));
            self.misses("", format!("{prefix}{}", year + 1).replace("ne", "eq"));
        }
        for prefix in ["lt", "le", "eb"] {
            self.finds("", format!("{prefix}{}", year + 1));
            self.misses("", format!("{prefix}{}", year - 1));
        }
    }

    fn period(&mut self, period: &Value) {
        let year = |name: &str| {
            let text = period[name].as_str();
            text.map(|text| text[..4].parse::<i32>().unwrap())
        };
        let (start, end) = (year("start"), year("end"));
        assert!(start.or(end).is_some(), "{period}");
        if let Some(start) = start {
            self.finds("", format!("sa{}", start - 1));
            self.finds("", format!("ge{start}"));
            self.misses("", format!("lt{}", start - 1));
            self.misses("", (start - 1).to_string());
        }
        match end {
            Some(end) => {
                self.finds("", format!("eb{}", end + 1));
                self.finds("", format!("le{end}"));
                self.misses("", format!("gt{}", end + 1));
                self.misses("", (end + 1).to_string());
            }
            // It has not ended.
            None => self.finds("", "ge2999".to_owned()),
        }
    }

    fn reference(&mut self, value: &Value) {
        if let Some(identifier) = value.get("identifier") {
            for (system, code) in tokens(identifier) {
                let (system, code) = (escaped(&system.unwrap_or_default()), escaped(&code));
                self.finds(":identifier", format!("{system}|{code}"));
                self.misses(":identifier", format!("{system}|{code}x"));
            }
        }
        // What is inside the resource is not asked for by its id.
        let text = value["reference"].as_str().unwrap_or("#");
        let Some((kind, id)) = text.split_once('/') else {
            return;
        };
        assert!(!text.contains(':'), "{text}");
        self.finds("", text.to_owned());
        self.finds("", id.to_owned());
        self.finds("", format!("{}/{text}", self.base));
        self.finds(&format!(":{kind}"), id.to_owned());
        self.finds("", format!("{kind}/nobody,{text}"));
        self.misses("", format!("{text}x"));
        self.misses("", format!("{id}x"));
        self.misses("", format!("Device/{id}"));
        self.misses("", format!("https://elsewhere.example/fhir/{text}"));
    }

    fn quantity(&mut self, value: &Value) {
        let number = value["value"].to_string();
        assert!(value.get("comparator").is_none());
        for prefix in ["", "ge", "le", "ap"] {
            self.finds("", format!("{prefix}{number}"));
        }
        for prefix in ["ne", "gt", "lt", "sa", "eb", "1"] {
            self.misses("", format!("{prefix}{number}"));
        }
        self.finds("", format!("gt-{number}"));
        let said = |name: &str| value[name].as_str().map(escaped);
        if let Some((system, code)) = said("system").zip(said("code")) {
            self.finds("", format!("{number}|{system}|{code}"));
            self.misses("", format!("{number}|{system}|{code}x"));
            self.misses("", format!("{number}|urn:nowhere|{code}"));
        }
        for unit in said("code").into_iter().chain(said("unit")) {
            self.finds("", format!("{number}||{unit}"));
            self.misses("", format!("{number}||{unit}x"));
        }
    }

    /// A composite of two tokens.
    fn together(&mut self, example: &Value, paths: &str) {
        let (one, other) = paths.split_once('&').unwrap();
        let all = |path: &str| -> Vec<String> {
            let tokens = elements(example, path).into_iter().flat_map(tokens);
            let asked = |(system, code): (Option<String>, String)| match system {
                Some(system) => format!("{}|{}", escaped(&system), escaped(&code)),
                None => escaped(&code),
            };
            tokens.map(asked).collect()
        };
        let (ones, others) = (all(one), all(other));
        for (one, other) in ones
            .iter()
            .flat_map(|one| others.iter().map(move |o| (one, o)))
        {
            self.has_value = true;
            self.finds("", format!("{one}${other}"));
            self.misses("", format!("{one}${other}x"));
            self.misses("", format!("{one}x${other}"));
        }
        if !self.has_value {
            let one = ones.first().map_or("x", String::as_str);
            self.misses("", format!("{one}$nothing"));
        }
    }
}

/// By what the reference says of itself: an address, a type, or what it contains.
fn leads_to_a_patient(example: &Value, reference: &Value) -> bool {
    let text = reference["reference"].as_str().unwrap_or_default();
    if let Some(id) = text.strip_prefix('#') {
        let inside = elements(example, "contained");
        let patient = |one: &&Value| one["id"] == id && one["resourceType"] == "Patient";
        return inside.iter().any(patient);
    }
    text.starts_with("Patient/") || reference["type"] == "Patient"
}

/// System and code; the system of a bare code is its element's.
fn tokens(value: &Value) -> Vec<(Option<String>, String)> {
    if let Some(code) = value.as_str() {
        return vec![(None, code.to_owned())];
    }
    if value.get("coding").is_some() {
        return elements(value, "coding")
            .into_iter()
            .flat_map(tokens)
            .collect();
    }
    let code = value.get("code").or(value.get("value"));
    let Some(code) = code.and_then(Value::as_str) else {
        return Vec::new();
    };
    // A telecom's system says what it is, not whose code it is.
    let telecom = matches!(value["system"].as_str(), Some("phone" | "fax" | "email"));
    let system = value["system"].as_str().unwrap_or_default().to_owned();
    vec![((!telecom).then_some(system), code.to_owned())]
}

/// The texts of a string, a name or an address.
fn texts(value: &Value) -> Vec<&str> {
    if let Some(text) = value.as_str() {
        return vec![text];
    }
    let parts = "text|family|given|prefix|suffix|line|city|district|state|country|postalCode";
    let parts = elements(value, parts);
    parts.into_iter().filter_map(Value::as_str).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | ',' | '$' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
