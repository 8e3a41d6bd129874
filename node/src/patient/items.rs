//! The laboratory items that are explained in plain words: which codes and names mean one.
//!
//! One clinical item has many codes: what counts of a JLAC10 code is its analyte (the first five
//! characters), its material and, where one analyte has several results, its result id (the last two).
//! The texts stand in `words/{ja,en}/results.ftl`: `results-<id>-name`, `results-<id>-about`.
//!
//! Source: the structure of JLAC10 and the analytes of the items that the national sharing service
//! lists (JP-CLINS 1.5.2); 2A010, 2A020, 2A040 and 8A065 are as the health check-up tables and the
//! demo's hospitals use them. Items without a code are known by name alone.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

use super::fhir::{codes, list, text};

/// One explained item.
#[derive(Debug)]
pub(super) struct Item {
    /// Its name in paths and texts.
    pub(super) id: &'static str,
    codes: &'static [Code],
    names: &'static [&'static str],
}

#[derive(Debug)]
struct Code {
    analyte: &'static str,
    material: Material,
    /// Empty: any.
    result: &'static str,
}

/// What the sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Material {
    Any,
    /// Whole blood, serum, plasma.
    Blood,
    /// Urine, of a moment or of a day.
    Urine,
}
use Material::{Any, Blood, Urine};

const fn code(analyte: &'static str, material: Material, result: &'static str) -> Code {
    Code {
        analyte,
        material,
        result,
    }
}

const fn item(id: &'static str, codes: &'static [Code], names: &'static [&'static str]) -> Item {
    Item { id, codes, names }
}

/// Every explained item. Where two share an analyte, the one with a result id stands first.
pub(super) static ITEMS: &[Item] = &[
    item(
        "hba1c",
        &[code("3D046", Any, "")],
        &[
            "HbA1c(NGSP)",
            "HbA1c",
            "ヘモグロビンA1c",
            "HbA1c(N)",
            "グリコヘモグロビンA1c",
        ],
    ),
    item(
        "glucose",
        &[code("3D010", Any, "")],
        &[
            "血糖",
            "空腹時血糖",
            "随時血糖",
            "グルコース",
            "血糖値",
            "血糖(空腹時)",
            "BS",
            "FBS",
            "GLU",
        ],
    ),
    item("ga", &[], &["グリコアルブミン", "GA"]),
    item(
        "ldl",
        &[code("3F077", Any, "")],
        &[
            "LDLコレステロール",
            "LDL-C",
            "LDL",
            "LDL-コレステロール",
            "LDLコレステロール(直接法)",
        ],
    ),
    item(
        "hdl",
        &[code("3F070", Any, "")],
        &["HDLコレステロール", "HDL-C", "HDL", "HDL-コレステロール"],
    ),
    item(
        "nonhdl",
        &[],
        &["non-HDLコレステロール", "non-HDL-C", "nonHDL-C"],
    ),
    item(
        "tg",
        &[code("3F015", Any, "")],
        &[
            "中性脂肪",
            "トリグリセライド",
            "トリグリセリド",
            "TG",
            "中性脂肪(TG)",
        ],
    ),
    item(
        "tcho",
        &[code("3F050", Any, "")],
        &["総コレステロール", "T-CHO", "TC"],
    ),
    item(
        "cre",
        &[code("3C015", Blood, "")],
        &["クレアチニン", "CRE", "Cr", "CREA", "血清クレアチニン"],
    ),
    item(
        "egfr",
        &[code("8A065", Any, "")],
        &[
            "eGFR",
            "推算GFR",
            "推算糸球体濾過量",
            "eGFRcreat",
            "eGFRcre",
        ],
    ),
    item("cysc", &[code("3C016", Any, "")], &["シスタチンC", "CYS-C"]),
    item(
        "bun",
        &[code("3C025", Any, "")],
        &["尿素窒素", "BUN", "UN", "血中尿素窒素"],
    ),
    item("ua", &[code("3C020", Any, "")], &["尿酸", "UA", "血清尿酸"]),
    item(
        "tp",
        &[code("3A010", Any, "")],
        &["総蛋白", "総タンパク", "TP", "総たんぱく"],
    ),
    item(
        "alb",
        &[code("3A015", Blood, "")],
        &["アルブミン", "ALB", "血清アルブミン"],
    ),
    item(
        "ualb",
        &[code("3A015", Urine, "")],
        &[
            "尿中アルブミン/クレアチニン比",
            "尿中アルブミン",
            "尿アルブミン",
            "微量アルブミン",
            "尿アルブミン/クレアチニン比",
            "U-A/C",
        ],
    ),
    item(
        "ast",
        &[code("3B035", Any, "")],
        &[
            "AST",
            "AST(GOT)",
            "GOT",
            "アスパラギン酸アミノトランスフェラーゼ",
        ],
    ),
    item(
        "alt",
        &[code("3B045", Any, "")],
        &["ALT", "ALT(GPT)", "GPT", "アラニンアミノトランスフェラーゼ"],
    ),
    item(
        "ggt",
        &[code("3B090", Any, "")],
        &["γ-GTP", "γ-GT", "γGTP", "GGT", "G-GTP", "γGT"],
    ),
    item(
        "alp",
        &[code("3B070", Any, "")],
        &["ALP", "アルカリホスファターゼ", "ALP(IFCC)"],
    ),
    item(
        "ld",
        &[code("3B050", Any, "")],
        &["LD", "LDH", "乳酸脱水素酵素", "LD(IFCC)", "LD(LDH)"],
    ),
    item(
        "che",
        &[code("3B110", Any, "")],
        &["コリンエステラーゼ", "ChE"],
    ),
    item(
        "tbil",
        &[code("3J010", Any, "")],
        &["総ビリルビン", "T-Bil", "TB"],
    ),
    item(
        "dbil",
        &[code("3J015", Any, "")],
        &["直接ビリルビン", "D-Bil", "DB"],
    ),
    item(
        "ck",
        &[code("3B010", Any, "")],
        &["CK", "CPK", "クレアチンキナーゼ", "CK(CPK)"],
    ),
    item(
        "amy",
        &[code("3B160", Any, "")],
        &["アミラーゼ", "AMY", "血清アミラーゼ"],
    ),
    item("lip", &[], &["リパーゼ", "LIP"]),
    item(
        "wbc",
        &[code("2A990", Any, "52"), code("2A010", Any, "")],
        &["白血球数", "白血球", "WBC"],
    ),
    item(
        "rbc",
        &[code("2A990", Any, "51"), code("2A020", Any, "")],
        &["赤血球数", "赤血球", "RBC"],
    ),
    item(
        "hb",
        &[code("2A990", Any, "53"), code("2A030", Any, "")],
        &[
            "ヘモグロビン",
            "Hb",
            "HGB",
            "血色素量",
            "ヘモグロビン濃度",
            "血色素",
        ],
    ),
    item(
        "ht",
        &[code("2A990", Any, "54"), code("2A040", Any, "")],
        &["ヘマトクリット", "Ht", "HCT", "ヘマトクリット値"],
    ),
    item(
        "plt",
        &[code("2A990", Any, "55"), code("2A050", Any, "")],
        &["血小板数", "血小板", "PLT"],
    ),
    item("mcv", &[], &["MCV", "平均赤血球容積"]),
    item(
        "mch",
        &[],
        &["MCH", "平均赤血球ヘモグロビン量", "平均赤血球血色素量"],
    ),
    item(
        "mchc",
        &[],
        &["MCHC", "平均赤血球ヘモグロビン濃度", "平均赤血球血色素濃度"],
    ),
    item("neut", &[], &["好中球", "Neut", "好中球比率", "好中球(%)"]),
    item(
        "lymph",
        &[],
        &["リンパ球", "Lymph", "リンパ球比率", "リンパ球(%)"],
    ),
    item("mono", &[], &["単球", "Mono", "単球比率", "単球(%)"]),
    item(
        "eos",
        &[],
        &["好酸球", "Eosino", "EOS", "好酸球比率", "好酸球(%)"],
    ),
    item(
        "baso",
        &[],
        &["好塩基球", "Baso", "好塩基球比率", "好塩基球(%)"],
    ),
    item("ret", &[], &["網赤血球", "網状赤血球", "Ret", "網赤血球数"]),
    item(
        "crp",
        &[code("5C070", Any, "")],
        &["CRP", "C反応性蛋白", "CRP(定量)", "C反応性タンパク"],
    ),
    item(
        "esr",
        &[],
        &[
            "赤沈",
            "血沈",
            "赤血球沈降速度",
            "赤沈1時間値",
            "血沈1時間値",
            "ESR",
        ],
    ),
    item(
        "na",
        &[code("3H010", Blood, "")],
        &["ナトリウム", "Na", "ナトリウム(Na)"],
    ),
    item(
        "k",
        &[code("3H015", Blood, "")],
        &["カリウム", "K", "カリウム(K)"],
    ),
    item(
        "cl",
        &[code("3H020", Blood, "")],
        &["クロール", "Cl", "クロール(Cl)", "塩素"],
    ),
    item(
        "ca",
        &[code("3H030", Blood, "")],
        &["カルシウム", "Ca", "カルシウム(Ca)", "補正カルシウム"],
    ),
    item("p", &[], &["無機リン", "リン", "IP", "P", "無機リン(IP)"]),
    item("mg", &[], &["マグネシウム", "Mg"]),
    item("fe", &[], &["血清鉄", "鉄", "Fe", "血清鉄(Fe)"]),
    item("ferritin", &[], &["フェリチン", "血清フェリチン"]),
    item("tibc", &[], &["総鉄結合能", "TIBC"]),
    item(
        "ptinr",
        &[code("2B030", Any, "57")],
        &["PT-INR", "PTINR", "プロトロンビン時間(INR)", "INR"],
    ),
    item(
        "pt",
        &[code("2B030", Any, "")],
        &[
            "プロトロンビン時間",
            "PT",
            "PT(秒)",
            "PT活性",
            "PT(%)",
            "プロトロンビン活性",
            "PT-sec",
        ],
    ),
    item(
        "aptt",
        &[code("2B020", Any, "")],
        &["APTT", "活性化部分トロンボプラスチン時間"],
    ),
    item(
        "dd",
        &[code("2B140", Any, "")],
        &["Dダイマー", "D-ダイマー", "DD", "D-dimer"],
    ),
    item(
        "bnp",
        &[code("4Z271", Any, "")],
        &["BNP", "脳性ナトリウム利尿ペプチド"],
    ),
    item(
        "ntprobnp",
        &[code("4Z272", Any, "")],
        &["NT-proBNP", "NTproBNP"],
    ),
    item("tsh", &[], &["TSH", "甲状腺刺激ホルモン"]),
    item(
        "ft4",
        &[],
        &["FT4", "遊離サイロキシン", "遊離T4", "フリーT4"],
    ),
    item(
        "ft3",
        &[],
        &["FT3", "遊離トリヨードサイロニン", "遊離T3", "フリーT3"],
    ),
    item(
        "psa",
        &[],
        &["PSA", "前立腺特異抗原", "PSA(前立腺特異抗原)"],
    ),
    item("cea", &[], &["CEA", "癌胎児性抗原"]),
    item("ca199", &[], &["CA19-9", "CA199"]),
    item(
        "afp",
        &[],
        &["AFP", "αフェトプロテイン", "α-フェトプロテイン"],
    ),
    item(
        "uprot",
        &[
            code("1A990", Any, "53"),
            code("1A990", Any, "71"),
            code("1A015", Any, "01"),
            code("1A015", Any, "26"),
        ],
        &[
            "尿蛋白",
            "尿タンパク",
            "尿蛋白(定性)",
            "尿たんぱく",
            "尿蛋白定性",
            "U-TP",
        ],
    ),
    item(
        "uglu",
        &[code("1A990", Any, "54"), code("1A990", Any, "72")],
        &["尿糖", "尿糖(定性)", "尿糖定性", "尿グルコース"],
    ),
    item(
        "ubld",
        &[code("1A990", Any, "59"), code("1A990", Any, "77")],
        &["尿潜血", "尿潜血反応", "尿潜血(定性)", "潜血(尿)"],
    ),
    item(
        "upcr",
        &[code("1A015", Any, "28"), code("1A990", Any, "83")],
        &[
            "尿蛋白/クレアチニン比",
            "尿タンパク/クレアチニン比",
            "尿蛋白クレアチニン比",
            "U-P/C",
        ],
    ),
    item(
        "abo",
        &[code("5H010", Any, "")],
        &["ABO血液型", "血液型(ABO)", "ABO式血液型"],
    ),
    item(
        "rh",
        &[code("5H020", Any, "")],
        &[
            "Rh血液型",
            "Rh(D)",
            "血液型(Rh)",
            "Rh式血液型",
            "Rh(D)血液型",
        ],
    ),
];

/// The item that a code (CodeableConcept) means, if it is one that is explained.
pub(super) fn known(concept: &Value) -> Option<&'static Item> {
    let by_code = codes(concept)
        .filter(|(system, _code)| is_jlac10(system))
        .find_map(|(_system, code)| of_code(code));
    by_code.or_else(|| of_names(concept))
}

/// The item with this id.
pub(super) fn with_id(id: &str) -> Option<&'static Item> {
    ITEMS.iter().find(|item| item.id == id)
}

fn is_jlac10(system: &str) -> bool {
    system == "http://medis.or.jp/CodeSystem/master-JLAC10-17digits"
        || system == "urn:oid:1.2.392.200119.4.504"
        || system.contains("JLAC10")
}

fn of_code(code: &str) -> Option<&'static Item> {
    let analyte = code.get(..5)?;
    let material = material(code.get(9..12).unwrap_or_default());
    let result = code.get(15..).unwrap_or_default();
    let meant = |one: &Code| {
        one.analyte == analyte
            && (one.material == Any || one.material == material)
            && (one.result.is_empty() || one.result == result)
    };
    ITEMS.iter().find(|item| item.codes.iter().any(meant))
}

/// Source: JLAC10, material codes 001–009 urine, 017–023 and 033 blood.
fn material(code: &str) -> Material {
    match code.parse::<u16>() {
        Ok(1..=9) => Urine,
        Ok(17..=39) => Blood,
        _ => Any,
    }
}

fn of_names(concept: &Value) -> Option<&'static Item> {
    let displays = list(concept, "coding").filter_map(|coding| text(coding, "display"));
    let names = text(concept, "text").into_iter().chain(displays);
    for name in names {
        let name = folded(name);
        let found = ITEMS
            .iter()
            .find(|item| item.names.iter().any(|known| folded(known) == name));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// A name as it is compared: full-width and half-width, small and capital letters, spaces and the
/// kinds of brackets do not matter.
pub(super) fn folded(name: &str) -> String {
    let kept = name.nfkc().filter(|c| !c.is_whitespace());
    kept.take(120).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn by_code(code: &str) -> Option<&'static str> {
        let system = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";
        let concept = json!({"coding": [{"system": system, "code": code}]});
        known(&concept).map(|item| item.id)
    }

    #[test]
    fn items_of_the_demo_and_of_the_shared_list_are_known_by_their_codes() {
        for (code, id) in [
            ("3D046000001906202", "hba1c"),
            ("3D010129902327101", "glucose"),
            ("3C015000002327101", "cre"),
            ("8A065000002391901", "egfr"),
            ("3F077000002327101", "ldl"),
            ("3A015000000106151", "ualb"),
            ("3A015000002329101", "alb"),
            ("2A990000001930952", "wbc"),
            ("2A990000001930951", "rbc"),
            ("2A990000001930953", "hb"),
            ("2A990000001930955", "plt"),
            ("2B030000002231157", "ptinr"),
            ("2B030000002231151", "pt"),
            ("1A990000000190153", "uprot"),
            ("1A990000000191154", "uglu"),
        ] {
            assert_eq!(by_code(code), Some(id), "{code}");
        }
    }

    #[test]
    fn a_urine_sample_is_never_explained_as_blood() {
        assert_eq!(by_code("3C015000000127101"), None);
        assert_eq!(by_code("3H010000000126101"), None);
    }

    #[test]
    fn an_item_is_known_by_its_name_in_any_width() {
        for (name, id) in [
            ("ＨｂＡ１ｃ（ＮＧＳＰ）", "hba1c"),
            ("γ－ＧＴＰ", "ggt"),
            ("crp", "crp"),
            ("尿 酸", "ua"),
        ] {
            let concept = json!({"text": name});
            assert_eq!(known(&concept).map(|item| item.id), Some(id), "{name}");
        }
        assert!(known(&json!({"text": "知らない検査"})).is_none());
        assert!(known(&json!(null)).is_none());
    }

    #[test]
    fn each_item_has_one_id_and_no_name_means_two() {
        let ids: BTreeSet<&str> = ITEMS.iter().map(|item| item.id).collect();
        assert_eq!(ids.len(), ITEMS.len());
        assert!(ITEMS.len() >= 60);
        let mut names = BTreeSet::new();
        for name in ITEMS.iter().flat_map(|item| item.names) {
            assert!(names.insert(folded(name)), "{name}");
        }
    }
}
