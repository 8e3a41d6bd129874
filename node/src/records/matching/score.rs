//! From evidence to a score and a grade. Pure; the table below is the whole of the judgement.

use super::evidence::{Agreement, Evidence};

/// How likely it is that two descriptions are of one person.
///
/// Source: FHIR R4, `http://terminology.hl7.org/CodeSystem/match-grade`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Another person: of the same family, at the same time, under another branch number.
    CertainlyNot,
    /// Not to be passed over.
    Possible,
    /// Most likely.
    Probable,
    /// The same person; nobody else here could be.
    Certain,
}

impl Grade {
    /// The code of the match-grade extension.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CertainlyNot => "certainly-not",
            Self::Possible => "possible",
            Self::Probable => "probable",
            Self::Certain => "certain",
        }
    }
}

/// The judgement of one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged {
    /// Thousandths.
    pub(super) points: u16,
    pub(super) grade: Grade,
}

/// What one respect is worth, in thousandths.
#[derive(Debug, Clone, Copy)]
struct Weight {
    agrees: i32,
    partly: i32,
    differs: i32,
}

/// Insured-person identifier. Partly: the family's, with no branch number on either side. It changes
/// with job, marriage and the 75th birthday, so another one says nothing; another branch of the same
/// family at the same time is another person.
const INSURED: Weight = weight(550, 200, -400);
/// Patient number of this house. Partly: of another house. Some have two charts.
const CHART: Weight = weight(550, 300, -50);
/// Birth date. Partly: as far as the less precise one goes.
const BORN: Weight = weight(200, 60, -300);
/// Administrative sex.
const SEX: Weight = weight(50, 0, -300);
/// Family name, in any way of writing. It changes with marriage.
const FAMILY: Weight = weight(80, 0, -40);
/// Given name, in any way of writing: what tells twins and siblings apart.
const GIVEN: Weight = weight(120, 0, -200);
/// Address. Partly: the postal code alone. People move.
const HOME: Weight = weight(100, 60, -20);

/// The least points of each grade.
const CERTAIN: i32 = 800;
const PROBABLE: i32 = 500;
const POSSIBLE: i32 = 200;
const MOST: i32 = 1_000;

const fn weight(agrees: i32, partly: i32, differs: i32) -> Weight {
    Weight {
        agrees,
        partly,
        differs,
    }
}

impl Weight {
    const fn of(self, agreement: Agreement) -> i32 {
        match agreement {
            Agreement::Agrees => self.agrees,
            Agreement::Partly => self.partly,
            Agreement::Silent => 0,
            Agreement::Differs => self.differs,
        }
    }
}

impl Evidence {
    /// The sum of the table, within 0 and 1000.
    fn points(&self) -> i32 {
        let sum = INSURED.of(self.insured)
            + CHART.of(self.chart)
            + BORN.of(self.born)
            + SEX.of(self.sex)
            + FAMILY.of(self.family)
            + GIVEN.of(self.given)
            + HOME.of(self.home);
        sum.clamp(0, MOST)
    }

    /// An identifier that only one person has.
    fn names_a_person(&self) -> bool {
        self.insured == Agreement::Agrees || self.chart == Agreement::Agrees
    }

    /// Whether, if nobody else is as near, it must be the same person.
    fn is_conclusive(&self) -> bool {
        self.names_a_person()
            && self.born == Agreement::Agrees
            && self.sex == Agreement::Agrees
            && self.given != Agreement::Differs
            && self.insured != Agreement::Differs
    }

    /// Whether it goes beyond what a family has in common.
    fn is_of_one_person(&self) -> bool {
        self.names_a_person() || (self.given == Agreement::Agrees && self.born == Agreement::Agrees)
    }
}

/// Judges one candidate alone; `None` where there is nothing to be told.
///
/// Only what is conclusive reaches the points of a certain match, so points and grades put
/// candidates in one order.
pub(super) fn judged(evidence: &Evidence) -> Option<Judged> {
    let points = evidence.points();
    let (points, grade) = if evidence.insured == Agreement::Differs {
        (points.min(POSSIBLE - 1), Grade::CertainlyNot)
    } else if evidence.is_conclusive() {
        (points.max(CERTAIN), Grade::Certain)
    } else if points >= PROBABLE && evidence.is_of_one_person() {
        (points.min(CERTAIN - 1), Grade::Probable)
    } else if points >= POSSIBLE {
        (points.min(PROBABLE - 1), Grade::Possible)
    } else {
        return None;
    };
    let points = u16::try_from(points).unwrap_or(0);
    Some(Judged { points, grade })
}

/// Puts all candidates in order, the likeliest first. Where two would be certain, or somebody else
/// may be who was not looked at, nobody is.
pub(super) fn unique<T>(mut all: Vec<(T, Judged)>, crowded: bool) -> Vec<(T, Judged)> {
    let certain = all
        .iter()
        .filter(|(_, judged)| judged.grade == Grade::Certain);
    if crowded || certain.count() > 1 {
        for (_, judged) in &mut all {
            if judged.grade == Grade::Certain {
                judged.grade = Grade::Probable;
                judged.points = u16::try_from(CERTAIN - 1).unwrap_or(0).min(judged.points);
            }
        }
    }
    all.sort_by_key(|(_, judged)| std::cmp::Reverse((judged.points, judged.grade)));
    all
}

#[cfg(test)]
mod tests;
