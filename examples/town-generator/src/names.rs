//! What people and places are called: everyday family and given names, cities of Hokkaido, and
//! hospitals that do not exist. Some names are written with characters that systems lose.

use crate::dice::Choice;

/// A name in both of its writings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) kanji: &'static str,
    /// Full-width katakana.
    pub(crate) kana: &'static str,
}

const fn w(kanji: &'static str, kana: &'static str) -> Written {
    Written { kanji, kana }
}

#[rustfmt::skip]
pub(crate) static FAMILIES: Choice<Written> = Choice(w("佐藤", "サトウ"), &[
    w("鈴木", "スズキ"), w("高橋", "タカハシ"), w("髙橋", "タカハシ"), w("田中", "タナカ"), w("伊藤", "イトウ"),
    w("渡辺", "ワタナベ"), w("渡邉", "ワタナベ"), w("渡邊", "ワタナベ"), w("山本", "ヤマモト"), w("中村", "ナカムラ"),
    w("小林", "コバヤシ"), w("加藤", "カトウ"), w("吉田", "ヨシダ"), w("𠮷田", "ヨシダ"), w("山田", "ヤマダ"),
    w("佐々木", "ササキ"), w("山口", "ヤマグチ"), w("松本", "マツモト"), w("井上", "イノウエ"), w("木村", "キムラ"),
    w("林", "ハヤシ"), w("斎藤", "サイトウ"), w("斉藤", "サイトウ"), w("齋藤", "サイトウ"), w("清水", "シミズ"),
    w("山崎", "ヤマザキ"), w("山﨑", "ヤマザキ"), w("阿部", "アベ"), w("森", "モリ"), w("池田", "イケダ"),
    w("橋本", "ハシモト"), w("石川", "イシカワ"), w("前田", "マエダ"), w("藤田", "フジタ"), w("後藤", "ゴトウ"),
    w("岡田", "オカダ"), w("長谷川", "ハセガワ"), w("村上", "ムラカミ"), w("近藤", "コンドウ"), w("石井", "イシイ"),
    w("遠藤", "エンドウ"), w("坂本", "サカモト"), w("青木", "アオキ"), w("藤井", "フジイ"), w("西村", "ニシムラ"),
    w("三浦", "ミウラ"), w("千葉", "チバ"), w("工藤", "クドウ"), w("菊地", "キクチ"), w("菅原", "スガワラ"),
    w("本間", "ホンマ"), w("成田", "ナリタ"), w("金子", "カネコ"), w("中川", "ナカガワ"), w("大西", "オオニシ"),
]);

#[rustfmt::skip]
pub(crate) static ELDER_MEN: Choice<Written> = Choice(w("茂", "シゲル"), &[
    w("清", "キヨシ"), w("正", "タダシ"), w("勇", "イサム"), w("博", "ヒロシ"), w("進", "ススム"), w("実", "ミノル"),
    w("昭", "アキラ"), w("功", "イサオ"), w("弘", "ヒロム"), w("隆", "タカシ"), w("三郎", "サブロウ"), w("和夫", "カズオ"),
    w("幸雄", "ユキオ"), w("義雄", "ヨシオ"), w("健一", "ケンイチ"), w("誠", "マコト"), w("豊", "ユタカ"), w("修", "オサム"),
]);

#[rustfmt::skip]
pub(crate) static ELDER_WOMEN: Choice<Written> = Choice(w("和子", "カズコ"), &[
    w("幸子", "サチコ"), w("節子", "セツコ"), w("洋子", "ヨウコ"), w("恵子", "ケイコ"), w("京子", "キョウコ"),
    w("文子", "フミコ"), w("キヨ", "キヨ"), w("トミ", "トミ"), w("ハル", "ハル"), w("美代子", "ミヨコ"), w("悦子", "エツコ"),
    w("順子", "ジュンコ"), w("礼子", "レイコ"), w("花", "ハナ"), w("千代", "チヨ"), w("正子", "マサコ"), w("光子", "ミツコ"),
]);

#[rustfmt::skip]
pub(crate) static YOUNGER_MEN: Choice<Written> = Choice(w("大輔", "ダイスケ"), &[
    w("翔太", "ショウタ"), w("拓也", "タクヤ"), w("健太", "ケンタ"), w("直樹", "ナオキ"), w("亮", "リョウ"), w("蓮", "レン"),
    w("陽斗", "ハルト"), w("悠真", "ユウマ"), w("雄大", "ユウダイ"), w("和也", "カズヤ"), w("海斗", "カイト"), w("蒼", "アオイ"),
    w("達也", "タツヤ"), w("俊介", "シュンスケ"), w("樹", "イツキ"), w("祐介", "ユウスケ"), w("涼", "リョウ"),
]);

#[rustfmt::skip]
pub(crate) static YOUNGER_WOMEN: Choice<Written> = Choice(w("美咲", "ミサキ"), &[
    w("愛", "アイ"), w("彩", "アヤ"), w("舞", "マイ"), w("麻衣", "マイ"), w("千尋", "チヒロ"), w("陽菜", "ヒナ"),
    w("結衣", "ユイ"), w("葵", "アオイ"), w("さくら", "サクラ"), w("七海", "ナナミ"), w("澪", "ミオ"), w("優花", "ユウカ"),
    w("菜々子", "ナナコ"), w("香織", "カオリ"), w("沙織", "サオリ"), w("凛", "リン"), w("恵", "メグミ"),
]);

/// A city of Hokkaido.
#[derive(Debug, Clone, Copy)]
pub(crate) struct City {
    pub(crate) name: &'static str,
    /// The first three digits of its postal codes.
    pub(crate) postal: &'static str,
    /// What its telephone numbers begin with.
    pub(crate) dialling: &'static str,
}

const fn city(name: &'static str, postal: &'static str, dialling: &'static str) -> City {
    City {
        name,
        postal,
        dialling,
    }
}

#[rustfmt::skip]
pub(crate) static CITIES: Choice<City> = Choice(city("札幌市中央区", "060", "011"), &[
    city("札幌市中央区", "064", "011"), city("札幌市北区", "001", "011"), city("札幌市北区", "002", "011"),
    city("札幌市東区", "065", "011"), city("札幌市白石区", "003", "011"), city("札幌市豊平区", "062", "011"),
    city("札幌市西区", "063", "011"), city("旭川市", "070", "0166"), city("旭川市", "078", "0166"),
    city("函館市", "040", "0138"), city("函館市", "041", "0138"), city("釧路市", "085", "0154"),
    city("帯広市", "080", "0155"), city("北見市", "090", "0157"), city("小樽市", "047", "0134"),
    city("苫小牧市", "053", "0144"), city("室蘭市", "050", "0143"), city("江別市", "067", "011"),
    city("岩見沢市", "068", "0126"), city("千歳市", "066", "0123"), city("稚内市", "097", "0162"),
    city("網走市", "093", "0152"), city("名寄市", "096", "01654"), city("留萌市", "077", "0164"),
    city("根室市", "087", "0153"),
]);

/// Quarters that many towns have. The blocks in them, from 90 on, exist nowhere.
#[rustfmt::skip]
pub(crate) static QUARTERS: Choice<&str> = Choice("本町", &[
    "緑町", "栄町", "旭町", "幸町", "曙町", "錦町", "北一条西", "南三条東", "北二十四条西", "東雲町", "花園", "桜木町",
]);

#[rustfmt::skip]
pub(crate) static HOSPITALS: Choice<Written> = Choice(w("雪明", "ユキアカリ"), &[
    w("氷橋", "コオリバシ"), w("霧笛", "ムテキ"), w("浜梨", "ハマナシ"), w("鈴蘭坂", "スズランザカ"), w("樹氷", "ジュヒョウ"),
    w("春楡", "ハルニレ"), w("海鳴", "ウミナリ"), w("星見野", "ホシミノ"), w("風待", "カゼマチ"), w("銀泉", "ギンセン"),
    w("白鳥湖", "ハクチョウコ"), w("七竈", "ナナカマド"), w("夕凪", "ユウナギ"), w("朝霧台", "アサギリダイ"), w("雁渡", "カリワタリ"),
]);

#[rustfmt::skip]
pub(crate) static KINDS: Choice<Written> = Choice(w("総合病院", "ソウゴウビョウイン"), &[
    w("病院", "ビョウイン"), w("中央病院", "チュウオウビョウイン"), w("医療センター", "イリョウセンター"),
    w("記念病院", "キネンビョウイン"), w("クリニック", "クリニック"),
]);
