//! How a check-up is read: an aligned table for people, JSON for programs.

use serde_json::{Map, Value, json};

use super::{Finding, Verdict};
use crate::words::{Words, width};

/// What was found, and for whom it is written down.
pub struct Report {
    /// The program that was asked: `musubi-node` or `musubi-registry`.
    pub program: &'static str,
    /// The settings file, as it goes behind `--config` in a command that mends.
    pub config: String,
    /// The member or registry that the check-up is about, where the settings could be read.
    pub subject: Option<String>,
    /// What was found, in the order of the checks.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many findings are this bad.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        let as_bad = |finding: &&Finding| finding.said.code.verdict == verdict;
        self.findings.iter().filter(as_bad).count()
    }

    /// Whether anything is a problem, or with `strict` a warning.
    #[must_use]
    pub fn is_bad(&self, strict: bool) -> bool {
        let worst = if strict {
            Verdict::Warning
        } else {
            Verdict::Problem
        };
        let mut verdicts = self.findings.iter().map(|one| one.said.code.verdict);
        verdicts.any(|verdict| verdict >= worst)
    }

    /// For programs: the codes and values, with the texts in the language of `words` beside them.
    #[must_use]
    pub fn json(&self, words: &Words) -> Value {
        let findings = self.findings.iter().map(|finding| {
            let values = finding.said.values.iter();
            let values: Map<_, _> = values
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect();
            json!({
                "check": finding.check,
                "subject": finding.subject,
                "verdict": finding.said.code.verdict.as_str(),
                "code": finding.said.code.name,
                "cause": self.text(words, finding),
                "mend": self.mend(words, finding),
                "values": values,
                "took_ms": finding.took_ms,
            })
        });
        json!({
            "program": self.program,
            "subject": self.subject,
            "problems": self.count(Verdict::Problem),
            "warnings": self.count(Verdict::Warning),
            "not_tried": self.count(Verdict::NotTried),
            "findings": findings.collect::<Vec<_>>(),
        })
    }

    /// For people: a line for each check, and under each that is not well the command that mends.
    #[must_use]
    pub fn table(&self, words: &Words) -> String {
        let rows: Vec<[String; 4]> = self
            .findings
            .iter()
            .map(|one| self.row(words, one))
            .collect();
        let widest = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| width(cell)).max().unwrap_or(0)
        };
        let widths = [widest(0), widest(1), widest(2)];
        let mut text = String::new();
        for (finding, row) in self.findings.iter().zip(&rows) {
            let mut line = String::new();
            for (cell, full) in row.iter().zip(widths.into_iter().chain([0])) {
                line.push_str(cell);
                if full > 0 {
                    line.push_str(&" ".repeat(full.saturating_sub(width(cell)).saturating_add(2)));
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
            if let Some(mend) = self.mend(words, finding) {
                let under = widths.first().copied().unwrap_or(0).saturating_add(2);
                text.push_str(&format!("{}→ {mend}\n", " ".repeat(under)));
            }
        }
        text.push_str(&self.sum(words));
        text.push('\n');
        text
    }

    /// One sentence: how many of each.
    #[must_use]
    pub fn sum(&self, words: &Words) -> String {
        let [problems, warnings] =
            [Verdict::Problem, Verdict::Warning].map(|verdict| self.count(verdict).to_string());
        let values = [("problems", problems.as_str()), ("warnings", &warnings)];
        words.say("sum", values).unwrap_or_default()
    }

    fn row(&self, words: &Words, finding: &Finding) -> [String; 4] {
        let verdict = finding.said.code.verdict.as_str();
        [
            words
                .say(&format!("verdict-{verdict}"), [])
                .unwrap_or_else(|| verdict.to_owned()),
            check_name(words, finding.check),
            finding.subject.clone().unwrap_or_default(),
            self.text_with_code(words, finding),
        ]
    }

    /// With the code where somebody may want to look it up.
    fn text_with_code(&self, words: &Words, finding: &Finding) -> String {
        let (text, code) = (self.text(words, finding), finding.said.code);
        if code.verdict >= Verdict::Warning {
            format!("{text} [{}]", code.name)
        } else {
            text
        }
    }

    fn text(&self, words: &Words, finding: &Finding) -> String {
        let code = finding.said.code.name;
        self.say(words, code, finding)
            .unwrap_or_else(|| code.to_owned())
    }

    fn mend(&self, words: &Words, finding: &Finding) -> Option<String> {
        self.say(words, &format!("{}.mend", finding.said.code.name), finding)
    }

    fn say(&self, words: &Words, id: &str, finding: &Finding) -> Option<String> {
        let values = finding.said.values.iter();
        let values = values.map(|(name, value)| (*name, value.as_str()));
        let own = [("program", self.program), ("config", self.config.as_str())];
        words.say(id, values.chain(own))
    }
}

/// What people call a check, in the language of `words`.
#[must_use]
pub fn check_name(words: &Words, check: &str) -> String {
    let id = format!("check-{}", check.replace('.', "-"));
    words.say(&id, []).unwrap_or_else(|| check.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::checkup::{GENERAL, NOT_TRIED, Said, TOO_SLOW};
    use crate::words::{DOCTOR, Language};

    fn report(findings: Vec<(&'static str, Option<&str>, Said)>) -> Report {
        let findings = findings.into_iter().map(|(check, subject, said)| Finding {
            check,
            subject: subject.map(str::to_owned),
            said,
            took_ms: 3,
        });
        Report {
            program: "musubi-node",
            config: "node.toml".to_owned(),
            subject: Some("urn:musubi:member:0110000001".to_owned()),
            findings: findings.collect(),
        }
    }

    #[test]
    fn the_findings_stand_under_each_other_also_in_japanese() {
        let report = report(vec![
            ("config", None, Said::well("node.toml")),
            ("peer.tcp", Some("雪見病院"), Said::well("10.0.0.7:9443")),
            ("peer.tls", Some("Minato"), NOT_TRIED.into()),
        ]);
        for language in [Language::Ja, Language::En] {
            let table = report.table(&DOCTOR.words(language).unwrap());
            let column = |line: usize, text: &str| {
                let line = table.lines().nth(line).unwrap();
                width(line.split_once(text).unwrap().0)
            };
            assert_eq!(
                column(0, "node.toml"),
                column(1, "10.0.0.7:9443"),
                "{table}"
            );
            assert_eq!(column(1, "雪見病院"), column(2, "Minato"), "{table}");
        }
    }

    #[test]
    fn a_finding_that_is_not_well_says_how_to_mend_it() {
        let slow = Said::code(TOO_SLOW).with("seconds", 5);
        let report = report(vec![("database", None, slow)]);
        let words = DOCTOR.words(Language::En).unwrap();
        let json = report.json(&words);
        let finding = json.pointer("/findings/0").unwrap();
        assert_eq!(finding.get("code").unwrap(), "check-too-slow");
        assert_eq!(finding.get("verdict").unwrap(), "problem");
        assert!(finding.get("mend").unwrap().as_str().unwrap().len() > 10);
        let table = report.table(&words);
        assert!(
            table.contains("\u{2192} ") && table.contains("[check-too-slow]"),
            "{table}"
        );
        assert_eq!((report.is_bad(false), report.is_bad(true)), (true, true));
    }

    #[test]
    fn every_general_code_has_its_words_in_both_languages() {
        for language in [Language::Ja, Language::En] {
            let keys = DOCTOR.keys(language);
            for code in GENERAL {
                assert!(keys.contains(&code.name.to_owned()), "{}", code.name);
                if code.verdict >= Verdict::Warning {
                    assert!(
                        keys.contains(&format!("{}.mend", code.name)),
                        "{}",
                        code.name
                    );
                }
            }
        }
    }
}
