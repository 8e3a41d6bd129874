//! The words that a person is shown when they decide: Japanese, versioned, kept with the decision.
//!
//! Changing a sentence here needs a new [`VERSION`]: the old one stands in Consents for ever.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use federation_protocol::category::{Category, Scope};
use federation_protocol::consent::{
    Actor, ConsentKind, DataMeaning, LabelTerms, Period, Provision, ProvisionType, SourceText,
};
use federation_protocol::label::Label;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;

/// The version of the sentences.
pub const VERSION: &str = "2026-11";

/// The posted policy that every directive of this version refers to.
pub const POLICY_URI: &str = "urn:musubi:policy:2026-11";

/// The text of a decision. `name_of` gives the name that people know a member by.
#[must_use]
pub fn shown(
    kind: ConsentKind,
    root: &Provision,
    nested: &[Provision],
    name_of: &dyn Fn(&MemberId) -> String,
) -> SourceText {
    let mut lines = vec![heading(kind).to_owned(), sentence(root, name_of)];
    for exception in nested {
        lines.push(format!("ただし、{}", sentence(exception, name_of)));
    }
    lines.push(
        "この同意はいつでも取り消せます。取り消しても診療で不利になることはありません。".into(),
    );
    SourceText {
        version: VERSION.to_owned(),
        text: lines.join("\n"),
    }
}

/// The text back from a Consent's `sourceAttachment.data`.
#[must_use]
pub fn read(data: &str) -> Option<String> {
    let bytes = STANDARD.decode(data).ok()?;
    String::from_utf8(bytes).ok()
}

const fn heading(kind: ConsentKind) -> &'static str {
    match kind {
        ConsentKind::ShareCare => "【診療情報の共有についての同意】",
        ConsentKind::StorePhr => "【診療情報の外部保存についての同意】",
        ConsentKind::Research => "【研究への診療情報の提供についての同意】",
        ConsentKind::Dissent => "【診療情報の共有についての留保】",
    }
}

fn sentence(provision: &Provision, name_of: &dyn Fn(&MemberId) -> String) -> String {
    let criteria = &provision.criteria;
    let mut text = format!(
        "{}に、{}、{}",
        whom(&provision.actors, name_of),
        what_for(&provision.purposes),
        kinds(criteria.classes),
    );
    if let Some(terms) = criteria.labels {
        text.push_str(&format!("({})", labels(terms)));
    }
    if let Some(period) = &criteria.data_period {
        text.push_str(&format!("のうち{}のもの", dates(period)));
    }
    for data in &criteria.data {
        let limit = match data.meaning {
            DataMeaning::Instance => "の記録そのもの",
            DataMeaning::Related => "に関わる記録",
            DataMeaning::Authoredby => "が書いた記録",
        };
        text.push_str(&format!("、{}{limit}", data.reference));
    }
    text.push_str("を、");
    if let Some(period) = &provision.period {
        text.push_str(&format!("{}、", dates(period)));
    }
    text.push_str(match provision.kind {
        ProvisionType::Permit => "見せることに同意します。",
        ProvisionType::Deny => "見せません。",
    });
    text
}

fn whom(actors: &[Actor], name_of: &dyn Fn(&MemberId) -> String) -> String {
    if actors.is_empty() {
        return "すべての医療機関等".to_owned();
    }
    let named = actors.iter().map(|actor| match actor {
        Actor::Organization(member) => name_of(member),
        Actor::Practitioner { member, id } => format!("{}の{id}", name_of(member)),
    });
    named.collect::<Vec<_>>().join("または")
}

fn what_for(purposes: &[Purpose]) -> String {
    if purposes.is_empty() {
        return "目的を問わず".to_owned();
    }
    let words = purposes.iter().map(|purpose| match purpose {
        Purpose::Treat => "診療",
        Purpose::Etreat => "救急診療",
        Purpose::Patrqt => "本人の求め",
        Purpose::Hresch => "研究",
        Purpose::Pubhlth => "公衆衛生",
        Purpose::Btg => "緊急時の閲覧",
    });
    format!("{}のために", words.collect::<Vec<_>>().join("・"))
}

fn kinds(classes: Option<Scope>) -> String {
    let Some(classes) = classes else {
        return "すべての種類の記録".to_owned();
    };
    let words = classes.iter().map(|category| match category {
        Category::Lab => "検査",
        Category::Rx => "くすり",
        Category::Vital => "体の測定",
        Category::Allergy => "アレルギー",
        Category::Condition => "病名",
        Category::Procedure => "処置・手術",
        Category::Imaging => "画像",
        Category::Document => "文書",
        Category::Genomic => "遺伝子",
        Category::Other => "その他",
    });
    format!("{}の記録", words.collect::<Vec<_>>().join("・"))
}

fn labels(terms: LabelTerms) -> String {
    let mut words = Vec::new();
    if terms.normal {
        words.push("通常の記録");
    }
    if terms.restricted {
        words.push("特に慎重な扱いを要する記録");
    }
    words.extend(terms.labels.iter().map(|label| match label {
        Label::Psy => "精神科",
        Label::Hiv => "HIV",
        Label::Sdv => "性暴力・家庭内暴力",
        Label::Eth => "薬物・アルコール",
        Label::Gdis => "遺伝性疾患",
        Label::Nopat => "説明前の記録",
    }));
    words.join("・")
}

fn dates(period: &Period) -> String {
    let start = period
        .start
        .as_ref()
        .map(|start| format!("{}から", start.as_str()));
    let end = period
        .end
        .as_ref()
        .map(|end| format!("{}まで", end.as_str()));
    [start, end].into_iter().flatten().collect()
}
