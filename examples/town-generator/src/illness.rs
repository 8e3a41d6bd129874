//! What somebody has. Only that it is there, since when, and how bad it will get: the course of
//! diabetes over the months is `course`'s, and what a hospital writes down is `story`'s.

use crate::dice::{Choice, Dice, Topic};

/// Type 2 diabetes, followed over years.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Diabetes {
    /// Before the last day.
    pub(crate) years_since_onset: i32,
    /// Months before the last day during which it was followed.
    pub(crate) followed_months: i32,
    /// The kidneys suffer.
    pub(crate) kidneys: bool,
    /// The eyes suffer.
    pub(crate) eyes: bool,
}

/// What is nobody else's business, with its ICD-10 code.
#[derive(Debug)]
pub(crate) struct Sensitive {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    /// Treated by psychiatry, not by internal medicine.
    pub(crate) psychiatric: bool,
}

const fn sensitive(code: &'static str, name: &'static str, psychiatric: bool) -> Sensitive {
    Sensitive {
        code,
        name,
        psychiatric,
    }
}

/// What is more frequent stands more often.
static SENSITIVE: Choice<Sensitive> = Choice(
    sensitive("F329", "うつ病", true),
    &[
        sensitive("F329", "うつ病", true),
        sensitive("F329", "うつ病", true),
        sensitive("F329", "うつ病", true),
        sensitive("F419", "不安障害", true),
        sensitive("F419", "不安障害", true),
        sensitive("F419", "不安障害", true),
        sensitive("F209", "統合失調症", true),
        sensitive("F209", "統合失調症", true),
        sensitive("F102", "アルコール依存症", true),
        sensitive("B24", "ＨＩＶ感染症", false),
    ],
);

/// What somebody must not be given.
#[derive(Debug)]
pub(crate) struct Allergy {
    pub(crate) substance: &'static str,
    /// FHIR's word: medication, food, environment.
    pub(crate) category: &'static str,
    pub(crate) reaction: &'static str,
    pub(crate) criticality: &'static str,
}

const fn allergy(
    substance: &'static str,
    category: &'static str,
    reaction: &'static str,
    criticality: &'static str,
) -> Allergy {
    Allergy {
        substance,
        category,
        reaction,
        criticality,
    }
}

static ALLERGIES: Choice<Allergy> = Choice(
    allergy("ペニシリン系抗菌薬", "medication", "発疹", "high"),
    &[
        allergy("セフェム系抗菌薬", "medication", "じんま疹", "high"),
        allergy("ヨード造影剤", "medication", "アナフィラキシー", "high"),
        allergy("そば", "food", "呼吸困難", "high"),
        allergy("卵", "food", "じんま疹", "low"),
        allergy("シラカンバ花粉", "environment", "鼻炎", "low"),
        allergy("ハウスダスト", "environment", "喘鳴", "low"),
    ],
);

#[derive(Debug)]
pub(crate) struct Illness {
    pub(crate) diabetes: Option<Diabetes>,
    pub(crate) hypertension: bool,
    pub(crate) dyslipidaemia: bool,
    pub(crate) sensitive: Option<&'static Sensitive>,
    pub(crate) allergy: Option<&'static Allergy>,
    pub(crate) smokes: bool,
    /// Is vaccinated against influenza every autumn.
    pub(crate) vaccinated: bool,
}

impl Illness {
    pub(crate) fn of(seed: u64, number: u32, years: i32) -> Self {
        let mut dice = Dice::of(seed, Topic::Illness, u64::from(number), 0);
        let adult = years >= 18;
        let diabetes = dice
            .chance(diabetics(years))
            .then(|| diabetes(&mut dice, years));
        let more = if diabetes.is_some() { 200 } else { 0 };
        Self {
            diabetes,
            hypertension: years >= 40 && dice.chance(250 + more),
            dyslipidaemia: years >= 40 && dice.chance(200 + more),
            sensitive: (adult && dice.chance(60)).then(|| dice.pick(&SENSITIVE)),
            allergy: dice.chance(120).then(|| dice.pick(&ALLERGIES)),
            smokes: adult && dice.chance(200),
            vaccinated: dice.chance(if years >= 65 { 600 } else { 300 }),
        }
    }
}

/// Diabetics among a thousand patients of this age: 400 of a thousand over all ages.
const fn diabetics(years: i32) -> u32 {
    match years {
        ..18 => 0,
        18..40 => 100,
        40..60 => 400,
        60..75 => 550,
        _ => 480,
    }
}

fn diabetes(dice: &mut Dice, years: i32) -> Diabetes {
    let longest = (years - 25).clamp(2, 25);
    let years_since_onset = dice.between(2, longest);
    Diabetes {
        years_since_onset,
        followed_months: dice.between(15, 34).min(years_since_onset * 12),
        kidneys: dice.chance(250),
        eyes: years_since_onset >= 5 && dice.chance(350),
    }
}
