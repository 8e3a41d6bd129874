use super::*;
use crate::database::testing::on_each_async;

const NONE: [&str; 0] = [];

#[tokio::test]
async fn a_chart_is_found_newest_first_by_code_in_either_spelling() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        for id in ["p", "q"] {
            house.put(&patient(id)).await;
        }
        house.put(&lab("a", "p", "3D046", "2026-01-01")).await;
        house.put(&lab("b", "p", "3A015", "2026-03-01")).await;
        house
            .put(&lab("c", "p", "3D046", "2026-02-01T10:00:00+09:00"))
            .await;
        house.put(&lab("d", "q", "3D046", "2026-02-01")).await;
        let mut undated = lab("e", "p", "3D046", "2026-02-01");
        undated.as_object_mut().unwrap().remove("effectiveDateTime");
        house.put(&undated).await;
        let find = async |pairs: &[(&str, &str)]| house.find("Observation", pairs).await;
        assert_eq!(find(&[("patient", "p")]).await, ["b", "c", "a", "e"]);
        assert_eq!(
            find(&[("subject", "Patient/p"), ("code", "3D046")]).await,
            ["c", "a", "e"]
        );
        let url = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits|3D046";
        assert_eq!(
            find(&[("patient", "p"), ("code", url)]).await,
            ["c", "a", "e"]
        );
        let both = "urn:oid:1.2.392.200119.4.504|3A015,3D046";
        assert_eq!(
            find(&[("patient", "p"), ("code", both)]).await,
            ["b", "c", "a", "e"]
        );
        assert_eq!(find(&[("code", "3D046")]).await, ["c", "d", "a", "e"]);
        assert_eq!(
            find(&[("patient", "p,q"), ("code", "3D046")]).await,
            ["c", "d", "a", "e"]
        );
        assert_eq!(find(&[("patient", "p"), ("code", "|3D046")]).await, NONE);
        assert_eq!(find(&[("patient", "nobody")]).await, NONE);
        assert_eq!(find(&[]).await.len(), 5);
        let category = ("category", "laboratory");
        assert_eq!(
            find(&[("patient", "p"), category, ("status", "final")])
                .await
                .len(),
            4
        );
        assert_eq!(
            find(&[("patient", "p"), category, ("status", "amended")]).await,
            NONE
        );
        assert_eq!(find(&[("_id", "a,d")]).await, ["d", "a"]);
        assert_eq!(find(&[("patient", "p"), ("_id", "a,d")]).await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn dates_compare_as_stretches_of_time() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        house.put(&lab("jan", "p", "c", "2026-01")).await;
        house.put(&lab("day", "p", "c", "2026-01-15")).await;
        house
            .put(&lab("feb", "p", "c", "2026-02-10T08:30:00+09:00"))
            .await;
        let mut undated = lab("none", "p", "c", "2026");
        undated.as_object_mut().unwrap().remove("effectiveDateTime");
        house.put(&undated).await;
        for with in [
            &[("patient", "p")][..],
            &[("patient", "p"), ("code", "c")],
            &[("code", "c")],
        ] {
            let find = async |date: &str| {
                let pairs: Vec<_> = with.iter().copied().chain([("date", date)]).collect();
                house.find("Observation", &pairs).await
            };
            assert_eq!(find("2026").await, ["feb", "day", "jan"]);
            assert_eq!(find("2026-01").await, ["day", "jan"]);
            assert_eq!(find("2026-01-15").await, ["day"]);
            assert_eq!(find("ne2026-01-15").await, ["feb", "jan"]);
            assert_eq!(find("ge2026-01-20").await, ["feb", "jan"]);
            assert_eq!(find("gt2026-01-31").await, ["feb"]);
            assert_eq!(find("lt2026-01-15").await, ["jan"]);
            assert_eq!(find("le2026-01-15").await, ["day", "jan"]);
            assert_eq!(find("sa2026-01-15").await, ["feb"]);
            assert_eq!(find("eb2026-02-01").await, ["day", "jan"]);
            assert_eq!(find("2026-02-09T23:30Z").await, ["feb"]);
            assert_eq!(find("2025,2026-02").await, ["feb"]);
        }
        let mut nobodys = lab("nobodys", "p", "lost", "2026-01-01");
        nobodys.as_object_mut().unwrap().remove("subject");
        house.put(&nobodys).await;
        let lost = [("code", "lost"), ("date", "2026-01-01")];
        assert_eq!(house.find("Observation", &lost).await, ["nobodys"]);
        let range = [
            ("patient", "p"),
            ("date", "ge2026-01-10"),
            ("date", "lt2026-02-01"),
        ];
        assert_eq!(house.find("Observation", &range).await, ["day", "jan"]);
    })
    .await;
}

#[tokio::test]
async fn patients_are_found_by_name_in_every_way_of_writing_and_by_birth_date() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let named = |id: &str, kanji: &str, kana: &str, born: &str, sex: &str| {
            json!({
                "resourceType": "Patient", "id": id, "birthDate": born, "gender": sex,
                "name": [{"text": kanji}, {"text": kana, "family": kana.split('　').next()}]
            })
        };
        house
            .put(&named(
                "1",
                "髙橋　花子",
                "タカハシ　ハナコ",
                "1960-05-05",
                "female",
            ))
            .await;
        house
            .put(&named(
                "2",
                "高木　太郎",
                "タカギ　タロウ",
                "1960-05-05",
                "male",
            ))
            .await;
        house
            .put(&named(
                "3",
                "𠮷野　葛\u{e0100}",
                "ヨシノ　カズラ",
                "1999-12-31",
                "female",
            ))
            .await;
        let find = async |pairs: &[(&str, &str)]| house.find("Patient", pairs).await;
        assert_eq!(find(&[("name", "たか")]).await, ["2", "1"]);
        assert_eq!(find(&[("name", "ﾀｶﾊｼ ﾊﾅｺ")]).await, ["1"]);
        assert_eq!(find(&[("family", "ﾀｶｷﾞ")]).await, ["2"]);
        assert_eq!(find(&[("name", "𠮷野葛")]).await, ["3"]);
        assert_eq!(find(&[("name", "はなこ")]).await, NONE);
        let born = ("birthdate", "1960-05-05");
        assert_eq!(find(&[born]).await, ["2", "1"]);
        assert_eq!(find(&[born, ("gender", "female")]).await, ["1"]);
        assert_eq!(find(&[born, ("name", "タカギ,ヨシノ")]).await, ["2"]);
        assert_eq!(
            find(&[
                ("birthdate", "lt1990"),
                ("name", "たか"),
                ("gender", "male")
            ])
            .await,
            ["2"]
        );
    })
    .await;
}

#[tokio::test]
async fn references_and_times_of_writing_can_be_searched() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        let mut first = lab("a", "p", "c", "2026-01-01");
        first["encounter"] = json!({"reference": "Encounter/e"});
        house.put(&first).await;
        house.clock.advance(60);
        house.put(&lab("b", "p", "c", "2026-01-01")).await;
        let find = async |pairs: &[(&str, &str)]| house.find("Observation", pairs).await;
        assert_eq!(find(&[("encounter", "Encounter/e")]).await, ["a"]);
        assert_eq!(
            find(&[("patient", "p"), ("encounter", "Encounter/e")]).await,
            ["a"]
        );
        assert_eq!(find(&[("encounter", "Encounter/f")]).await, NONE);
        assert_eq!(
            find(&[("_lastUpdated", "gt2026-07-01T09:00:30+09:00")]).await,
            ["b"]
        );
        assert_eq!(
            find(&[
                ("patient", "p"),
                ("_lastUpdated", "lt2026-07-01T09:01+09:00")
            ])
            .await,
            ["a"]
        );
    })
    .await;
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_others_write() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        for n in 0..25 {
            let date = format!("2026-01-{:02}", n / 3 + 1);
            house.put(&lab(&format!("o{n:02}"), "p", "c", &date)).await;
        }
        let pairs = [("patient", "p"), ("code", "c"), ("_count", "10")];
        let mut seen = Vec::new();
        let mut page = house.page("Observation", &pairs).await.unwrap();
        loop {
            seen.extend(
                page.entries
                    .iter()
                    .map(|entry| entry.address.id.to_string()),
            );
            let Some(cursor) = page.next.clone() else {
                break;
            };
            // One newer than everything, one in the middle of what is still to come.
            house
                .put(&lab(&format!("new{}", seen.len()), "p", "c", "2026-05-01"))
                .await;
            house
                .put(&lab(&format!("mid{}", seen.len()), "p", "c", "2026-01-02"))
                .await;
            let next: Vec<_> = pairs
                .iter()
                .copied()
                .chain([("_cursor", cursor.as_str())])
                .collect();
            page = house.page("Observation", &next).await.unwrap();
        }
        let expected: Vec<_> = (0..25).rev().map(|n| format!("o{n:02}")).collect();
        assert_eq!(seen, expected);
    })
    .await;
}

#[tokio::test]
async fn a_cursor_serves_its_own_search_and_expires() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        for n in 0..3 {
            house
                .put(&lab(&format!("o{n}"), "p", "c", "2026-01-01"))
                .await;
        }
        let first = house
            .page("Observation", &[("patient", "p"), ("_count", "2")])
            .await
            .unwrap();
        let cursor = first.next.unwrap();
        let cursor = ("_cursor", cursor.as_str());
        let last = house
            .page("Observation", &[("patient", "p"), cursor])
            .await
            .unwrap();
        assert_eq!((last.entries.len(), last.next), (1, None));
        let other = house.page("Observation", &[("code", "c"), cursor]).await;
        assert_eq!(other.unwrap_err().told().status, 400);
        house.clock.advance(16 * 60);
        let late = house.page("Observation", &[("patient", "p"), cursor]).await;
        assert_eq!(late.unwrap_err().told().status, 410);
    })
    .await;
}
