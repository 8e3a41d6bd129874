#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]
use federation_protocol::time::Timestamp;
use proptest::prelude::*;

use super::*;

const WORDS: ChartWords<'static> = ChartWords {
    table: "数値を表で見る",
    day: "日付",
    source: "病院",
    value: "値",
    range: "基準範囲",
    high: "高い",
    low: "低い",
    spread: ["最小", "中央", "最大", "件数"],
    item: "薬",
    span: ["開始", "終了"],
    pressure: ["上", "下"],
};

fn day(number: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_780_272_000 + number * 86_400)
}

fn point(number: i64, value: f64, outside: Option<Outside>) -> Point {
    Point {
        at: day(number),
        value: Some(value),
        outside,
    }
}

fn two_hospitals() -> Vec<Series> {
    vec![
        Series {
            name: "みなと病院".into(),
            place: 0,
            points: vec![
                point(0, 8.1, Some(Outside::High)),
                point(40, 7.4, Some(Outside::High)),
                Point {
                    at: day(60),
                    value: None,
                    outside: None,
                },
                point(90, 5.9, None),
            ],
            range: Some(Range {
                low: Some(4.9),
                high: Some(6.0),
            }),
        },
        Series {
            name: "ゆきみ診療所".into(),
            place: 1,
            points: vec![point(20, 4.2, Some(Outside::Low)), point(75, 6.1, None)],
            range: Some(Range {
                low: Some(4.6),
                high: Some(6.2),
            }),
        },
    ]
}

fn line(series: &[Series], is_log: bool) -> Figure {
    LineChart {
        title: "HbA1c(NGSP)",
        description: "2施設、5件",
        unit: "%",
        series,
        is_log,
    }
    .draw(&WORDS)
}

/// One element a line, to be read in a diff.
fn spread_out(markup: &str) -> String {
    markup.replace("><", ">\n<")
}

#[test]
fn each_hospital_has_its_own_band_shape_and_marks() {
    let figure = line(&two_hospitals(), false);
    insta::assert_snapshot!(spread_out(figure.markup()));
}

#[test]
fn medicines_are_bars_of_the_days_supplied() {
    let rows = [BarRow {
        name: "アムロジピン錠5mg".into(),
        bars: vec![
            Bar {
                from: day(0),
                to: day(28),
                place: 0,
                text: "28日分".into(),
            },
            Bar {
                from: day(20),
                to: day(34),
                place: 1,
                text: "14日分".into(),
            },
        ],
    }];
    let sources = ["みなと病院".to_owned(), "ゆきみ診療所".to_owned()];
    let figure = Bars {
        title: "処方",
        description: "1つの薬",
        rows: &rows,
        sources: &sources,
        today: Some(day(30)),
    }
    .draw(&WORDS);
    insta::assert_snapshot!(spread_out(figure.markup()));
}

#[test]
fn blood_pressure_floats_between_its_two_values() {
    let readings = [(0, 142.0, 88.0), (1, 128.0, 79.0)].map(|(at, systolic, diastolic)| Pressure {
        at: day(at),
        systolic,
        diastolic,
        source: "自宅".into(),
    });
    let figure = Pressures {
        title: "血圧",
        description: "2件",
        unit: "mmHg",
        readings: &readings,
        lines: &[135.0, 85.0],
    }
    .draw(&WORDS);
    insta::assert_snapshot!(spread_out(figure.markup()));
}

#[test]
fn a_sparkline_marks_its_newest_value_alone() {
    insta::assert_snapshot!(sparkline(
        &[8.1, 7.4, 7.0],
        Some(Outside::High),
        "HbA1c 7.0 %"
    ));
}

#[test]
fn a_logarithmic_axis_is_taken_for_positive_values_alone() {
    let mut series = two_hospitals();
    series.truncate(1);
    series[0].points.push(point(95, 900.0, None));
    assert!(line(&series, true).markup().contains(">10</text>"));
    assert!(line(&series, true).markup().contains(">500</text>"));
    series[0].points.push(point(96, 0.0, None));
    assert!(!line(&series, true).markup().contains(">10</text>"));
}

#[test]
fn many_readings_are_drawn_as_least_median_and_most() {
    let points = (0..3000).map(|n| point(n, 60.0 + (n % 50) as f64, None));
    let series = [Series {
        name: "本人".into(),
        place: 0,
        points: points.collect(),
        range: None,
    }];
    let figure = line(&series, false);
    let drawn = figure.markup();
    assert_eq!(drawn.matches("spread s0").count(), 60 + 150);
    assert!(drawn.len() < 120_000, "{}", drawn.len());
}

#[test]
fn a_median_lies_between_the_extremes_of_its_stretch() {
    let bins = dense::binned(&[(0, 3.0), (1, 1.0), (2, 2.0), (100, 9.0)], 2);
    let seen: Vec<_> = bins
        .iter()
        .map(|bin| (bin.least, bin.median, bin.most, bin.count))
        .collect();
    assert_eq!(seen, [(1.0, 2.0, 3.0, 3), (9.0, 9.0, 9.0, 1)]);
}

#[test]
fn a_name_can_turn_nothing_around_and_close_nothing() {
    assert_eq!(clean("a\u{202e}b\u{0}c\u{2066}d\te", 10), "abcd e");
    assert_eq!(clean(&"あ".repeat(10_000), 3), "あああ…");
    let mut series = two_hospitals();
    series[0].name = "</title><script>alert(1)</script>\" onload=\"x".into();
    let drawn = line(&series, false);
    assert!(!drawn.markup().contains("<script"));
    assert!(!drawn.markup().contains("\" onload"));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("<script>alert(1)</script>".to_owned()),
        Just("\"><svg onload=x>".to_owned()),
        Just("あ".repeat(5000)),
    ]
}

prop_compose! {
    fn any_point()(at in any::<i64>(), near in any::<bool>(), value in any::<Option<f64>>(), mark in 0..3) -> Point {
        let at = if near { 1_780_272_000_000_000 + at % 100_000_000_000_000 } else { at };
        let outside = [None, Some(Outside::High), Some(Outside::Low)][mark as usize];
        Point { at: Timestamp::from_micros(at), value, outside }
    }
}

prop_compose! {
    fn any_series()(
        name in any_text(),
        place in any::<usize>(),
        points in prop::collection::vec(any_point(), 0..400),
        range in any::<Option<(Option<f64>, Option<f64>)>>(),
    ) -> Series {
        let range = range.map(|(low, high)| Range { low, high });
        Series { name, place, points, range }
    }
}

/// Well formed; no tag holds what runs or what is no number; no text turns around what follows.
fn is_sound(markup: &str) -> Result<(), TestCaseError> {
    let bad = [
        "NaN",
        "inf",
        "onload",
        "style=",
        "javascript:",
        "href=\"http",
    ];
    let turned = markup.contains(['\u{202e}', '\u{2066}', '\u{0}']);
    prop_assert!(!turned);
    let mut open = Vec::new();
    for piece in markup.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').unwrap();
        // What is read aloud is a text in an attribute.
        let tag_alone = tag.split("aria-label").next().unwrap();
        prop_assert!(bad.iter().all(|bad| !tag_alone.contains(bad)), "{}", tag);
        let name = tag
            .trim_start_matches('/')
            .split(' ')
            .next()
            .unwrap()
            .to_owned();
        prop_assert_ne!(&name, "script");
        if tag.starts_with('/') {
            prop_assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    prop_assert!(open.is_empty());
    prop_assert!(markup.len() < 2_000_000);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_measured_gives_a_sound_chart(
        series in prop::collection::vec(any_series(), 0..14),
        texts in (any_text(), any_text(), any_text()),
        is_log in any::<bool>(),
    ) {
        let chart = LineChart { title: &texts.0, description: &texts.1, unit: &texts.2, series: &series, is_log };
        is_sound(chart.draw(&WORDS).markup())?;
    }

    #[test]
    fn whatever_is_supplied_gives_a_sound_chart(
        names in prop::collection::vec(any_text(), 0..80),
        ends in prop::collection::vec((any::<i64>(), any::<i64>(), any::<usize>(), any_text()), 0..20),
        today in any::<Option<i64>>(),
    ) {
        let bars: Vec<Bar> = ends.into_iter().map(|(from, to, place, text)| Bar {
            from: Timestamp::from_micros(from), to: Timestamp::from_micros(to), place, text,
        }).collect();
        let rows: Vec<BarRow> = names.iter().map(|name| BarRow { name: name.clone(), bars: bars.clone() }).collect();
        let today = today.map(Timestamp::from_micros);
        let chart = Bars { title: "t", description: "d", rows: &rows, sources: &names, today };
        is_sound(chart.draw(&WORDS).markup())?;
    }

    #[test]
    fn whatever_pressure_is_read_gives_a_sound_chart(
        readings in prop::collection::vec((any::<i64>(), any::<f64>(), any::<f64>(), any_text()), 0..300),
        lines in prop::collection::vec(any::<f64>(), 0..9),
    ) {
        let readings: Vec<Pressure> = readings.into_iter().map(|(at, systolic, diastolic, source)| Pressure {
            at: Timestamp::from_micros(at % 4_000_000_000_000_000), systolic, diastolic, source,
        }).collect();
        let chart = Pressures { title: "t", description: "d", unit: "mmHg", readings: &readings, lines: &lines };
        is_sound(chart.draw(&WORDS).markup())?;
    }

    #[test]
    fn whatever_values_come_a_sparkline_is_sound(values in prop::collection::vec(any::<f64>(), 0..99), title in any_text()) {
        let drawn = sparkline(&values, None, &title);
        is_sound(&drawn)?;
        prop_assert!(drawn.len() < 4_000);
    }
}

#[test]
fn what_happened_is_told_and_leads_nowhere() {
    let spot = |text: &str| LaneSpot {
        at: day(3),
        place: 1,
        text: text.into(),
    };
    let lanes = [("検査".to_owned(), vec![spot("HbA1c"), spot("\" onload=x")])];
    let figure = Lanes {
        title: "経過",
        description: "2件",
        lanes: &lanes,
        sources: &["みなと".to_owned()],
        since: Some(day(0)),
        today: day(9),
    }
    .draw(&WORDS);
    assert_eq!(figure.markup().matches("<title>HbA1c</title>").count(), 2);
    assert_eq!(figure.markup().matches("<a ").count(), 0);
    assert_eq!(figure.markup().matches("\" onload").count(), 0);
}

#[test]
fn both_ends_of_a_range_are_as_precise_as_the_other() {
    let text = |low, high| Range { low, high }.text();
    assert_eq!(text(Some(4.9), Some(6.0)), "4.9–6.0");
    assert_eq!(text(Some(70.0), Some(109.0)), "70–109");
    assert_eq!(text(Some(1.0), Some(1.25)), "1.00–1.25");
    assert_eq!(text(None, Some(30.0)), "≤30");
}
