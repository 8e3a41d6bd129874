//! Messages as hospitals write them, and what JP Core 1.2.0 asks of what comes out (facts,
//! appendix A).

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking; each test file uses a part of this"
)]

pub(crate) mod conformance;

use std::sync::LazyLock;

use encoding_rs::ISO_2022_JP;
use fhir_validation::{Definitions, Issue, validate};
use serde_json::Value;
use ssmix2::{Chapter, FileName, Institution, Kind, Quarantine, read};

pub(crate) const PATIENT: &str = "00079013";
pub(crate) const PATIENT_ID: &str = "0110000001.00079013";

/// 雪見病院, in Hokkaido.
pub(crate) fn yukimi() -> Institution {
    "0110000001".parse().unwrap()
}

/// A file: its name's parts and its message, line by line.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) kind: Kind,
    pub(crate) date: &'static str,
    pub(crate) order: &'static str,
    pub(crate) department: &'static str,
    pub(crate) event: &'static str,
    pub(crate) lines: Vec<String>,
}

impl File {
    /// A message of `kind` about 雪見 花.
    pub(crate) fn of(kind: Kind, event: &'static str, lines: &[&str]) -> Self {
        let undated = matches!(kind, Kind::Adt00 | Kind::Adt61 | Kind::Ppr01);
        let pid = format!(
            "PID|0001||{PATIENT}^^^^PI||雪見^花^^^^^L^I~ユキミ^ハナ^^^^^L^P||19750828|F|||\
             ^^^^001-0001^JPN^H^北海道雪見市白樺町１−２||^PRN^PH^^^^^^^^^099-000-0001"
        );
        let lines = lines.iter().map(|line| (*line).to_owned());
        Self {
            kind,
            date: if undated { "-" } else { "20260401" },
            order: "000000011000354",
            department: if undated { "-" } else { "01" },
            event,
            lines: std::iter::once(pid).chain(lines).collect(),
        }
    }

    pub(crate) fn name(&self) -> FileName {
        let Self {
            date,
            kind,
            order,
            department,
            ..
        } = self;
        format!("{PATIENT}_{date}_{kind}_{order}_20260401103059000_{department}_1")
            .parse()
            .unwrap()
    }

    /// The message as text, segments ended by CR.
    pub(crate) fn text(&self) -> String {
        let msh = format!(
            "MSH|^~\\&|HIS|YUKIMI|GW|RCV|20260401103059||{}|1|P|2.5||||||~ISO IR87||ISO 2022-1994",
            self.event
        );
        let lines = std::iter::once(&msh).chain(&self.lines);
        lines.map(|line| format!("{line}\r")).collect()
    }

    /// In ISO-2022-JP.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let text = self.text();
        let (bytes, _, unmappable) = ISO_2022_JP.encode(&text);
        assert!(!unmappable, "a sign that JIS X 0208 has not");
        bytes.into_owned()
    }

    pub(crate) fn read(&self) -> Result<Chapter, Quarantine> {
        read(&self.name(), &self.bytes(), &yukimi())
    }

    /// The chapter, all its resources held against JP Core.
    pub(crate) fn chapter(&self) -> Chapter {
        let chapter = self.read().unwrap();
        for resource in resources(&chapter) {
            conformance::check(&resource, &chapter.patient);
            assert_eq!(faults(resource), [""; 0]);
        }
        chapter
    }
}

/// What the validator of the node says against a resource by the newest JP Core, which the claims of
/// this package mean.
pub(crate) fn faults(mut resource: Value) -> Vec<String> {
    static SHIPPED: LazyLock<Definitions> = LazyLock::new(Definitions::shipped);
    claim_newest(&mut resource);
    let issues = validate(&SHIPPED, &resource);
    issues.iter().map(Issue::to_string).collect()
}

fn claim_newest(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(claim_newest),
        Value::Object(members) => {
            let claims = members.get_mut("profile").and_then(Value::as_array_mut);
            for claim in claims.into_iter().flatten() {
                *claim = format!("{}|1.2.0", claim.as_str().unwrap()).into();
            }
            members.values_mut().for_each(claim_newest);
        }
        _ => {}
    }
}

pub(crate) fn resources(chapter: &Chapter) -> Vec<Value> {
    let parse = |resource: &ssmix2::Resource| {
        let value: Value = serde_json::from_str(&resource.json).unwrap();
        assert_eq!(value["resourceType"], resource.resource_type);
        assert_eq!(value["id"], resource.id.as_str());
        value
    };
    chapter.resources.iter().map(parse).collect()
}

/// The resources of one type.
pub(crate) fn of_type(chapter: &Chapter, resource_type: &str) -> Vec<Value> {
    let mut found = resources(chapter);
    found.retain(|resource| resource["resourceType"] == resource_type);
    found
}

/// The only resource of one type.
pub(crate) fn only(chapter: &Chapter, resource_type: &str) -> Value {
    let found = of_type(chapter, resource_type);
    assert_eq!(found.len(), 1, "{resource_type}");
    found[0].clone()
}

/// Whether a resource names a code of a system, wherever.
pub(crate) fn has_code(value: &Value, system: &str, code: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| has_code(item, system, code)),
        Value::Object(members) => {
            (value["system"] == system && value["code"] == code)
                || members.values().any(|inner| has_code(inner, system, code))
        }
        _ => false,
    }
}

/// One message of each kind that is read, as rich as the tables allow.
pub(crate) fn samples() -> Vec<File> {
    let ended = format!("{ADMISSION}|20260410101500");
    vec![
        basic(),
        File::of(Kind::Adt12, "ADT^A04", &["PV1|0001|O|01^^^^^C"]),
        File::of(Kind::Adt22, "ADT^A01", &[ADMISSION]),
        File::of(Kind::Adt42, "ADT^A02", &[ADMISSION]),
        File {
            date: "20260410",
            ..File::of(Kind::Adt52, "ADT^A03", &[&ended])
        },
        allergies(),
        problems(),
        prescription(),
        given(),
        injection(),
        infusion(),
        examination(),
        results(),
    ]
}

/// An admission to 東病棟, on the first of April.
pub(crate) const ADMISSION: &str = "PV1|0001|I|10E^5^3^^^N||||0012^白樺^一郎|||01|||||||0013^湊^二郎|\
                             ||||||||||||||||||01||||||||20260401140000";

/// 基本情報.
pub(crate) fn basic() -> File {
    File::of(
        Kind::Adt00,
        "ADT^A08",
        &[
            "NK1|1|雪見^太郎^^^^^L^I|SPO^配偶者^HL70063|^^^^001-0001^JPN^H^北海道雪見市|099-000-0002\
             ||||||||白樺農園",
            "PV1|0001|O|02^^^^^C",
            "DB1|1|PT||Y",
            "OBX|1|NM|9N001000000000001^身長^JC10||151.0|cm^cm^ISO+|||||F",
            "OBX|2|CWE|5H010000001999911^血液型-ABO式^JC10||AB^AB^JSHR002||||||F",
            "AL1|1|FA^食物アレルギー^HL70127|J9FC12000000^貝類^J-FAGY|MO|蕁麻疹",
            "AL1|2|DA^薬物アレルギー^HL70127|1^ペニシリン^99XYZ",
            "IN1|1|06^組合管掌健康保険^JHSD0001|6331011|湊健保||||||あいう~１８７~05|白樺|20260401|\
             20270331||||SEL^本人^HL70063",
        ],
    )
}

/// 病名.
pub(crate) fn problems() -> File {
    File::of(
        Kind::Ppr01,
        "PPR^ZD1",
        &[
            "PRB|AD|20260401|20061794^２型糖尿病^MDCDX2|P1|||20260401||20260601|\
             E119^^I10^F^最終^JHSD0004^2013||||F^完全に回復した^HL70241||20200401|口渇で発症",
            "ORC|NW|P1||||||||||0012^白樺^一郎|||||033^心療内科^HL70069",
            "PRB|AD|20260401|99999999^糖尿病性腎症^99XYZ|P2||||||E112^^I10~N083^^I10",
            "ZPR|1001^急性~1002^左|20061794^２型糖尿病|8002^の疑い|ABC1~ABC2|BT6L|XYZ9",
            "PRB|DE|20260401|99999999^誤入力^99XYZ|P3|||||20260401",
        ],
    )
}

/// 処方.
pub(crate) fn prescription() -> File {
    File::of(
        Kind::Omp01,
        "RDE^O11",
        &[
            "PV1|0001|O|01^^^^^C",
            "ORC|NW|000000011000354||000000011000354_01_001|||||20260401103000|0012^白樺^一郎||\
             0012^白樺^一郎|||||01^内科^HL70069||||||||||||O^外来患者オーダ^HL70482",
            "RXE||123456789^白樺錠２５０ｍｇ^HOT9|2||TAB^錠^MR9P|TAB^錠剤^MR9P|C^粉砕^99XYZ|||18|TAB^錠^MR9P\
             ||||RX-77||||6^TAB&錠&MR9P||OHP^院外処方^MR9P||||||||||2149001F1ZZZ^白樺錠^YJ",
            "TQ1|1||1013044400000000&内服・経口・１日３回朝昼夕食後&JAMISDP01~I1100000&医師の指示通り&JAMISDP01\
             |||3^d|2026040100",
            "RXR|PO^口^HL70162||||",
            "ORC|NW|000000011000354||000000011000354_01_002|||||20260401103000",
            "RXE||7^湊散^99XYZ|適量||G^グラム^MR9P",
            "TQ1|1||1013044400000000&内服&JAMISDP01|||3^d|20260401",
            "RXR|PO^口^HL70162",
            "ORC|CA|000000011000354||000000011000354_02_001|||||20260401103000",
            "RXE||8^雪見軟膏^99XYZ|1||HON^本^MR9P",
            "RXR|TOP^外用^HL70162|77L^左手^JAMI||10^塗布^JAMI",
        ],
    )
}

/// 処方実施.
pub(crate) fn given() -> File {
    File::of(
        Kind::Omp11,
        "RAS^O17",
        &[
            ADMISSION,
            "ORC|SC|000000011000354||000000011000354_01_001|||||20260401103000|||0012^白樺^一郎\
             |||||02^精神科^HL70069||||||||||||I^入院患者オーダ^HL70482",
            "RXA|0|1|20260401083000|20260401083000|123456789^白樺錠２５０ｍｇ^HOT9|2|TAB^錠^MR9P||^食後|\
             0077^看護^花子||||||||||CP",
            "RXR|PO^口^HL70162",
        ],
    )
}

/// 検査結果.
pub(crate) fn results() -> File {
    File::of(
        Kind::Oml11,
        "OUL^R22",
        &[
            "PV1|0001|O|01^^^^^C",
            "SPM|1|S-1||023^血清^JC10|||||||||||||20260401083000",
            "OBR|1|000000011000354|F-9|3^生化学的検査^JC10|||20260401083000|20260401083000||||||||||||||20260401103059",
            "ORC|SC|000000011000354|F-9||CM||||20260401103059|||0012^白樺^一郎|||||01^内科^HL70069",
            "OBX|1|NM|3C015000002327101^クレアチニン^JC10^CRE^Cre^99LAB||0.80|mg/dL^mg/dL^ISO+|0.40-0.80|H|||F|||20260401084500",
            "NTE|1||溶血あり",
            "OBX|2|SN|5C070000002306201^CRP^JC10||<^0.10|mg/dL^mg/dL^ISO+|<0.30||||F",
            "OBX|3|ST|1A010000000190111^尿蛋白(定性)^JC10||(+-)||||||F",
            "OBX|4|NM|99999^手入力^99LAB||検体不良||||||X",
            "SPM|2|S-2||019^血液^JC10|||||||||||||20260401083000",
            "OBR|1|000000011000354||6B010000009974100^培養同定(一般細菌)^JC10|||20260401083000",
            "ORC|SC|000000011000354",
            "OBX|1|CWE|6B010000009974114^培養同定菌名^JC10|1|2001^E.coli^JANIS||||||F",
            "OBX|2|ST|6B010000009974112^培養同定菌量^JC10|1| 2 +||||||F",
            "OBR|2|000000011000354||6C010000008076200^薬剤感受性検査-MIC^JC10||||||||||||||||||||||6B010000009974114&培養同定菌名&JC10^1^E.coli",
            "OBX|1|ST|6C010604708076205^PIPC^JC10||< 2|ug/mL^μg/mL^ISO+||S|||P",
        ],
    )
}

/// アレルギー情報.
pub(crate) fn allergies() -> File {
    let lines = [
        "IAM|1|DA^薬物アレルギー^HL70127|1^ペニシリン^99XYZ|SV|呼吸困難|A||||AL|20200401||20260401||||C|0012^白樺^一郎",
        "IAM|2|FA|J9FC12000000^貝類^J-FAGY|||D|A-2",
        "IAM|3|MA^種々のアレルギー^HL70127|^ラテックス|||A||||||子どものころ|||||S",
    ];
    File {
        order: "999999999999999",
        ..File::of(Kind::Adt61, "ADT^A60", &lines)
    }
}

/// 注射.
pub(crate) fn injection() -> File {
    File::of(
        Kind::Omp02,
        "RDE^O11",
        &[
            ADMISSION,
            "ORC|NW|000000011000354||000000011000354_01_001|||||20260401103000|||0012^白樺^一郎\
             |||||01^内科^HL70069||||||||||||I^入院患者オーダ^HL70482",
            "RXE||00^一般^JHSI0002|510||ML^mL^MR9P|INJ^注射剤^MR9P|||||||||||||||||102|ml/hr^ml/hr^ISO+",
            "TQ1|1||||||202604011430|202604011930",
            "RXR|IV^静脈内^HL70162||IVP^点滴ポンプ^HL70164",
            "RXC|B|107750603^雪見輸液５００ｍＬ^HOT9|1|HON^本^MR9P",
            "RXC|A|9^白樺注^99XYZ|2|AMP^アンプル^MR9P",
        ],
    )
}

/// 注射実施.
pub(crate) fn infusion() -> File {
    File::of(
        Kind::Omp12,
        "RAS^O17",
        &[
            ADMISSION,
            "ORC|SC|000000011000354||000000011000354_01_001",
            "RXE||00^一般^JHSI0002|510||ML^mL^MR9P",
            "RXR|IV^静脈内^HL70162",
            "RXC|B|107750603^雪見輸液５００ｍＬ^HOT9|1|HON^本^MR9P",
            "RXC|A|9^白樺注^99XYZ|2|AMP^アンプル^MR9P",
            "RXA|0|1|20260401143000|20260401193000|00^一般^JHSI0002|510|ML^mL^MR9P|||||102ml/hr||||||||PA",
            "RXR|IV^静脈内^HL70162||IVP^点滴ポンプ^HL70164",
            "RXA|0|2|20260401150000||9^白樺注^99XYZ|1|AMP^アンプル^MR9P|||||||||||||RE",
        ],
    )
}

/// 検査オーダ.
pub(crate) fn examination() -> File {
    File::of(
        Kind::Oml01,
        "OML^O33",
        &[
            "PV1|0001|O|01^^^^^C",
            "SPM|1|S-1||023^血清^JC10",
            "ORC|NW|000000011000354|||||||20260401103000|||0012^白樺^一郎|||||01^内科^HL70069",
            "OBR|1|000000011000354||3^生化学的検査^JC10|||20260402083000",
            "OBX|1||3C015000002327101^クレアチニン^JC10",
            "OBX|2||3D046000001906202^HbA1c(NGSP)^JC10",
            "ORC|CA|000000011000355||||||||||||||||01^内科^HL70069",
        ],
    )
}
