//! Addresses: a Japanese address comes as one text; prefecture and municipality are read off it.

use crate::element::{Element, fhir};
use crate::hl7::Piece;

const PREFECTURES: [&str; 47] = [
    "北海道",
    "青森県",
    "岩手県",
    "宮城県",
    "秋田県",
    "山形県",
    "福島県",
    "茨城県",
    "栃木県",
    "群馬県",
    "埼玉県",
    "千葉県",
    "東京都",
    "神奈川県",
    "新潟県",
    "富山県",
    "石川県",
    "福井県",
    "山梨県",
    "長野県",
    "岐阜県",
    "静岡県",
    "愛知県",
    "三重県",
    "滋賀県",
    "京都府",
    "大阪府",
    "兵庫県",
    "奈良県",
    "和歌山県",
    "鳥取県",
    "島根県",
    "岡山県",
    "広島県",
    "山口県",
    "徳島県",
    "香川県",
    "愛媛県",
    "高知県",
    "福岡県",
    "佐賀県",
    "長崎県",
    "熊本県",
    "大分県",
    "宮崎県",
    "鹿児島県",
    "沖縄県",
];

/// Municipalities in whose names 市 or 郡 stands before the end.
const ODD_NAMES: [&str; 8] = [
    "四日市市",
    "廿日市市",
    "野々市市",
    "大和郡山市",
    "蒲郡市",
    "小郡市",
    "郡山市",
    "郡上市",
];

/// The addresses of an XAD field.
///
/// Source: facts section 4.5: postal code 5, country 6, type 7, text 8.
pub(crate) fn addresses(field: Piece<'_>) -> Element {
    Element::list(field.repeats().map(address))
}

/// One address. What the message says in its parts goes before what the text tells.
pub(crate) fn address(stated: Piece<'_>) -> Element {
    let part = |at: usize| stated.component(at).text();
    let street = part(1);
    let text = part(8).or_else(|| street.clone());
    let prefecture = part(4).or_else(|| prefecture(text.as_deref()?).map(str::to_owned));
    let city = part(3).or_else(|| {
        let behind = text.as_deref()?.strip_prefix(prefecture.as_deref()?)?;
        municipality(behind).map(str::to_owned)
    });
    let purpose = match part(7).as_deref() {
        Some("B" | "O") => Some("work"),
        Some("H" | "P") => Some("home"),
        Some("C") => Some("temp"),
        _ => None,
    };
    let said = fhir! {
        "text": text,
        "line": Element::list([street.into()]),
        "city": city,
        "state": prefecture,
        "postalCode": part(5),
        "country": part(6),
    };
    if said.is_nothing() {
        return said;
    }
    fhir! {"use": purpose}.and(said)
}

fn prefecture(text: &str) -> Option<&'static str> {
    PREFECTURES.into_iter().find(|name| text.starts_with(name))
}

/// The municipality that a text behind the prefecture begins with: 郡 with its 町 or 村, else the
/// nearer of 市 and 区, else 町 or 村. None where the text does not tell.
fn municipality(text: &str) -> Option<&str> {
    if let Some(odd) = ODD_NAMES.into_iter().find(|name| text.starts_with(name)) {
        return text.get(..odd.len());
    }
    let end_of = |signs: &[char], from: usize| {
        let near = text.char_indices().enumerate().skip(1).take(7);
        let mut ends = near.filter(|(_, (at, sign))| *at >= from && signs.contains(sign));
        ends.next().map(|(_, (at, sign))| at + sign.len_utf8())
    };
    let of_district = end_of(&['郡'], 0).and_then(|district| {
        let behind = text.get(district..)?;
        let end = behind.char_indices().skip(1).take(7);
        let end = end
            .filter(|(_, sign)| matches!(sign, '町' | '村'))
            .map(|(at, _)| at)
            .next()?;
        Some(district + end + '町'.len_utf8())
    });
    let end = of_district
        .or_else(|| end_of(&['市', '区'], 0))
        .or_else(|| end_of(&['町', '村'], 0))?;
    text.get(..end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::hl7::Message;

    #[test]
    fn municipalities_are_read_off_the_text() {
        for (text, expected) in [
            ("八王子市南町99", "八王子市"),
            ("東村山市本町", "東村山市"),
            ("新宿区市谷本村町", "新宿区"),
            ("甘楽郡南牧村檜沢", "甘楽郡南牧村"),
            ("余市郡余市町", "余市郡余市町"),
            ("西八代郡市川三郷町", "西八代郡市川三郷町"),
            ("大和郡山市北郡山町", "大和郡山市"),
            ("四日市市諏訪町", "四日市市"),
            ("市川市八幡", "市川市"),
            ("町田市原町田", "町田市"),
            ("新島村若郷", "新島村"),
            ("さいたま市緑区新宿", "さいたま市"),
        ] {
            assert_eq!(municipality(text), Some(expected), "{text}");
        }
        assert_eq!(municipality("どこか遠く"), None);
        assert_eq!(municipality(""), None);
    }

    #[test]
    fn the_text_is_kept_whole() {
        let text = "MSH|^~\\&|\rZZZ|^^^^001-0001^JPN^H^北海道雪見市白樺町１−２\r";
        let message = Message::parse(text).unwrap();
        let mut json = String::new();
        addresses(message.first("ZZZ").unwrap().field(1)).write(&mut json);
        assert_eq!(
            json,
            "[{\"use\":\"home\",\"text\":\"北海道雪見市白樺町１−２\",\"city\":\"雪見市\",\
             \"state\":\"北海道\",\"postalCode\":\"001-0001\",\"country\":\"JPN\"}]"
        );
    }
}
