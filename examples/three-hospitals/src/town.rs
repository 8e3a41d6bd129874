//! Who lives here: three hospitals that do not exist, and people with stories.

/// A hospital of the demonstration.
pub(crate) struct Hospital {
    /// The word for it on the command line.
    pub(crate) id: &'static str,
    /// Ten-digit medical institution number; Hokkaido is prefecture 01.
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kana: &'static str,
    pub(crate) english: &'static str,
    pub(crate) region: &'static str,
    pub(crate) phone: &'static str,
    /// The physician who asks from here.
    pub(crate) physician: &'static str,
    /// Added to the port base: listeners stand at +1 (federation), +2 (hospital), +3 (patient) and
    /// +4 (metrics).
    pub(crate) offset: u16,
}

/// The hospitals, in the order in which everything is printed.
pub(crate) const HOSPITALS: [Hospital; 3] = [
    Hospital {
        id: "minato",
        code: "0110000001",
        name: "港総合病院",
        kana: "ミナトソウゴウビョウイン",
        english: "Minato General Hospital",
        region: "札幌",
        phone: "011-000-0000",
        physician: "dr-0011",
        offset: 10,
    },
    Hospital {
        id: "yukimi",
        code: "0110000002",
        name: "雪見病院",
        kana: "ユキミビョウイン",
        english: "Yukimi Hospital",
        region: "小樽",
        phone: "0134-00-0000",
        physician: "dr-0021",
        offset: 20,
    },
    Hospital {
        id: "shirakaba",
        code: "0110000003",
        name: "白樺病院",
        kana: "シラカバビョウイン",
        english: "Shirakaba Hospital",
        region: "函館",
        phone: "0138-00-0000",
        physician: "dr-0032",
        offset: 30,
    },
];

impl Hospital {
    /// The member id.
    pub(crate) fn member(&self) -> String {
        format!("urn:musubi:member:{}", self.code)
    }

    /// The hospital that a word on the command line names: its id, code or member id.
    pub(crate) fn named(word: &str) -> Option<&'static Self> {
        let word = word.strip_prefix("urn:musubi:member:").unwrap_or(word);
        HOSPITALS.iter().find(|h| h.id == word || h.code == word)
    }
}

/// What a person lets the asking hospital see.
pub(crate) enum Lets {
    /// Everything that is not marked sensitive, for this visit.
    Everything,
    /// These kinds only, for this visit.
    Kinds(&'static str),
    /// Everything, but the consent ends before the physician comes to ask.
    TooShort,
}

/// A person with a story.
pub(crate) struct Person {
    /// The word for them on the command line.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// What they say at a desk: name in kana, birth date, telephone.
    pub(crate) says: [&'static str; 3],
    pub(crate) story: &'static str,
    /// The hospital whose node keeps their consents.
    pub(crate) home: &'static str,
    /// Their charts: hospital and Patient id there.
    pub(crate) charts: &'static [(&'static str, &'static str)],
    pub(crate) lets: Lets,
}

/// The people.
pub(crate) const PEOPLE: [Person; 6] = [
    Person {
        id: "hana",
        name: "佐藤 花",
        says: ["サトウ ハナ", "1958-03-14", "090-0000-1101"],
        story: "diabetic, followed at three hospitals; referred to Shirakaba",
        home: "minato",
        charts: &[
            ("minato", "p-00012045"),
            ("yukimi", "p-7810"),
            ("shirakaba", "p-h3310"),
        ],
        lets: Lets::Everything,
    },
    Person {
        id: "kenichi",
        name: "田中 健一",
        says: ["タナカ ケンイチ", "1975-08-02", "090-0000-1102"],
        story: "shares only his prescriptions",
        home: "yukimi",
        charts: &[("minato", "p-00020118"), ("yukimi", "p-9021")],
        lets: Lets::Kinds("rx"),
    },
    Person {
        id: "shigeru",
        name: "鈴木 茂",
        says: ["スズキ シゲル", "1949-11-23", "090-0000-1103"],
        story: "his consent ended before the physician asked",
        home: "yukimi",
        charts: &[("minato", "p-00003307"), ("yukimi", "p-1120")],
        lets: Lets::TooShort,
    },
    Person {
        id: "misaki",
        name: "髙橋 美咲",
        says: ["タカハシ ミサキ", "1990-06-30", "090-0000-1104"],
        story: "shares all but psychiatry",
        home: "minato",
        charts: &[("minato", "p-00031552"), ("yukimi", "p-15530")],
        lets: Lets::Everything,
    },
    Person {
        id: "tadashi",
        name: "伊藤 正",
        says: ["イトウ タダシ", "1944-01-05", "090-0000-1105"],
        story: "amlodipine from two hospitals that do not know of each other",
        home: "minato",
        charts: &[("minato", "p-00000871"), ("yukimi", "p-4402")],
        lets: Lets::Everything,
    },
    Person {
        id: "mio",
        name: "渡辺 澪",
        says: ["ワタナベ ミオ", "2001-09-19", "090-0000-1106"],
        story: "registered at two hospitals, and nobody knows anything about her",
        home: "shirakaba",
        charts: &[
            ("minato", "p-00040666"),
            ("yukimi", "p-20331"),
            ("shirakaba", "p-h9004"),
        ],
        lets: Lets::Everything,
    },
];

impl Person {
    /// The person that a word on the command line names.
    pub(crate) fn named(word: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|p| p.id == word)
    }

    /// Their Patient id at a hospital, if they have a chart there.
    pub(crate) fn chart_at(&self, hospital: &Hospital) -> Option<&'static str> {
        self.charts
            .iter()
            .find(|(id, _)| *id == hospital.id)
            .map(|(_, patient)| *patient)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn every_story_happens_in_this_town() {
        for person in &PEOPLE {
            let home = Hospital::named(person.home).unwrap();
            assert!(
                person.chart_at(home).is_some(),
                "{} has no chart at home",
                person.id
            );
            assert!(
                person
                    .charts
                    .iter()
                    .all(|(id, _)| Hospital::named(id).is_some())
            );
        }
    }

    #[test]
    fn institution_numbers_are_hokkaidos() {
        assert!(
            HOSPITALS
                .iter()
                .all(|h| h.code.len() == 10 && h.code.starts_with("01"))
        );
    }
}
