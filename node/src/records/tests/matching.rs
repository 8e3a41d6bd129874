//! Who is found and how surely: the people of one town, their cards, their twins.

use super::*;
use crate::database::testing::on_each_async;

const MEMBER: &str = "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID";
const OURS: &str = "urn:oid:1.2.392.100495.20.3.51.10110000001";

fn person(id: &str, names: [(&str, &str); 2], born: &str, sex: &str) -> Value {
    let names = names.map(|(family, given)| {
        json!({"use": "usual", "text": format!("{family} {given}"),
               "family": family, "given": [given]})
    });
    json!({
        "resourceType": "Patient", "id": id, "gender": sex, "birthDate": born, "name": names,
        "identifier": [{"system": OURS, "value": format!("00{id}")}],
        "address": [{"postalCode": "060-0001", "text": "北海道札幌市中央区北一条西一丁目"}]
    })
}

fn coverage(id: &str, patient: &str, insured: &str, period: [&str; 2]) -> Value {
    json!({
        "resourceType": "Coverage", "id": id, "status": "active",
        "identifier": [{"system": MEMBER, "value": insured}],
        "beneficiary": {"reference": format!("Patient/{patient}")},
        "payor": [{"display": "組合"}],
        "period": {"start": period[0], "end": period[1]}
    })
}

/// Twins who share everything but given name and branch; their mother; a stranger.
async fn town(house: &House) {
    for resource in [
        person(
            "mai",
            [("佐藤", "舞"), ("サトウ", "マイ")],
            "2010-07-07",
            "female",
        ),
        person(
            "yui",
            [("佐藤", "結"), ("サトウ", "ユイ")],
            "2010-07-07",
            "female",
        ),
        person(
            "hana",
            [("佐藤", "花"), ("サトウ", "ハナ")],
            "1960-05-05",
            "female",
        ),
        person(
            "ken",
            [("山田", "健"), ("ヤマダ", "ケン")],
            "1960-05-05",
            "male",
        ),
        coverage(
            "c1",
            "mai",
            "00012345:あい:１８７:02",
            ["2020-04-01", "2030-03-31"],
        ),
        coverage(
            "c2",
            "yui",
            "00012345:あい:187:03",
            ["2020-04-01", "2030-03-31"],
        ),
        // Hana's card from before she married, and the present one.
        coverage("c3", "hana", "00077777::9:01", ["1980-04-01", "1990-03-31"]),
        coverage(
            "c4",
            "hana",
            "00012345:あい:187:01",
            ["2020-04-01", "2030-03-31"],
        ),
    ] {
        house.put(&resource).await;
    }
}

/// Ids and grades, the likeliest first.
async fn matches(house: &House, patient: Value) -> Vec<(String, &'static str)> {
    let found = ask(house, patient, false).await;
    let told = found
        .into_iter()
        .map(|one| (one.entry.address.id.to_string(), one.grade.as_str()));
    told.collect()
}

async fn ask(house: &House, mut patient: Value, only_certain: bool) -> Vec<Match> {
    patient["resourceType"] = json!("Patient");
    let body = json!({"resourceType": "Parameters", "parameter": [
        {"name": "resource", "resource": patient},
        {"name": "onlyCertainMatches", "valueBoolean": only_certain}
    ]});
    let question = MatchQuestion::parse(body.to_string().as_bytes()).unwrap();
    house
        .records
        .match_patient(&house.permit, &question)
        .await
        .unwrap()
}

fn insured(value: &str) -> Value {
    json!([{"system": MEMBER, "value": value}])
}

fn told(list: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    list.iter()
        .map(|(id, grade)| ((*id).to_owned(), *grade))
        .collect()
}

#[tokio::test]
async fn a_persons_number_is_certain_only_with_birth_date_and_sex() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        town(&house).await;
        // Other digits' width than the card here.
        let number = insured("00012345:あい:187:０２");
        let mut asked = json!({"identifier": number});
        assert_eq!(
            matches(&house, asked.clone()).await[0],
            ("mai".to_owned(), "probable")
        );
        asked["birthDate"] = json!("2010-07-07");
        assert_eq!(
            matches(&house, asked.clone()).await[0],
            ("mai".to_owned(), "probable")
        );
        asked["gender"] = json!("female");
        assert_eq!(
            matches(&house, asked.clone()).await[0],
            ("mai".to_owned(), "certain")
        );
        let certain = ask(&house, asked.clone(), true).await;
        assert_eq!(certain.len(), 1);
        assert!(certain[0].points >= 800);
        // Her sister and her mother are told to be others.
        let rest: Vec<_> = matches(&house, asked.clone()).await.split_off(1);
        assert!(
            rest.iter().all(|(_, grade)| *grade == "certainly-not"),
            "{rest:?}"
        );
        asked["gender"] = json!("male");
        assert_ne!(matches(&house, asked).await[0].1, "certain");
    })
    .await;
}

#[tokio::test]
async fn twins_are_never_told_apart_without_the_branch() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        town(&house).await;
        let mut asked = json!({
            "identifier": insured("00012345:あい:187:"), "birthDate": "2010-07-07",
            "gender": "female", "name": [{"family": "佐藤"}],
            "address": [{"text": "札幌市中央区北一条西一丁目"}]
        });
        let both = matches(&house, asked.clone()).await;
        let twins: Vec<_> = both.iter().filter(|(id, _)| id != "hana").collect();
        assert_eq!(twins.len(), 2);
        assert!(
            twins.iter().all(|(_, grade)| *grade == "possible"),
            "{both:?}"
        );
        asked["name"] = json!([{"family": "サトウ", "given": ["ユイ"]}]);
        let named = matches(&house, asked.clone()).await;
        assert_eq!(
            named[..2],
            told(&[("yui", "probable"), ("mai", "possible")])
        );
        assert!(ask(&house, asked, true).await.is_empty());
        let family = matches(&house, json!({"identifier": insured("12345:あい:１８７")})).await;
        assert_eq!(family.len(), 3);
        assert!(family.iter().all(|(_, grade)| *grade == "possible"));
    })
    .await;
}

#[tokio::test]
async fn an_old_card_still_finds_who_has_married_and_moved() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        town(&house).await;
        let asked = json!({
            "identifier": insured("00077777::9:01"), "birthDate": "1960-05-05",
            "gender": "female", "name": [{"family": "スズキ", "given": ["ハナ"]}],
            "address": [{"text": "東京都千代田区千代田一丁目"}]
        });
        assert_eq!(matches(&house, asked).await, told(&[("hana", "certain")]));
    })
    .await;
}

#[tokio::test]
async fn without_a_number_name_birth_date_sex_and_address_are_probable_at_most() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        town(&house).await;
        let mut asked = json!({
            "name": [{"text": "さとう　はな"}], "birthDate": "1960-05-05", "gender": "female",
            "address": [{"postalCode": "０６０－０００１"}]
        });
        assert_eq!(
            matches(&house, asked.clone()).await,
            told(&[("hana", "probable")])
        );
        // Somebody mistook the year.
        asked["birthDate"] = json!("1961-05-05");
        asked["identifier"] = insured("00012345:あい:187:");
        assert_eq!(
            matches(&house, asked).await[0],
            ("hana".to_owned(), "possible")
        );
        let nobody = json!({"name": [{"text": "タカハシ ジロウ"}], "birthDate": "1944-01-01"});
        assert_eq!(matches(&house, nobody).await, []);
    })
    .await;
}

#[tokio::test]
async fn two_charts_of_one_person_are_both_probable_until_they_are_merged() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        town(&house).await;
        let number = json!({
            "identifier": [{"system": OURS, "value": "００ken"}], "birthDate": "1960-05-05",
            "gender": "male"
        });
        assert_eq!(
            matches(&house, number.clone()).await,
            told(&[("ken", "certain")])
        );
        let mut again = person(
            "again",
            [("山田", "健"), ("ヤマダ", "ケン")],
            "1960-05-05",
            "male",
        );
        again["identifier"][0]["value"] = json!("00 ｋｅｎ");
        house.put(&again).await;
        let both = matches(&house, number.clone()).await;
        assert_eq!(both.len(), 2);
        assert!(both.iter().all(|(_, grade)| *grade == "probable"));
        // Merged, they are one again.
        again["link"] = json!([
            {"other": {"reference": "Patient/ken"}, "type": "replaced-by"}
        ]);
        house.put(&again).await;
        assert_eq!(matches(&house, number).await, told(&[("ken", "certain")]));
    })
    .await;
}

#[tokio::test]
async fn who_reads_their_own_chart_alone_finds_nobody_else() {
    on_each_async(async |database| {
        let house = House::open(database.clone()).await;
        town(&house).await;
        let mai = house
            .records
            .chart_of(&address("Patient/mai"))
            .await
            .unwrap()
            .unwrap();
        let access = Access::new(Audit::new(database), house.clock.clone());
        let caller = Caller::Person {
            id: crate::identity::PersonId::random(),
            patient: mai,
        };
        let act = Act::Search {
            kind: "Patient/$match",
            patient: None,
        };
        let permit = access.permit(&caller, act).await.unwrap();
        let body = json!({"resourceType": "Parameters", "parameter": [{
            "name": "resource",
            "resource": {"resourceType": "Patient", "identifier": insured("00012345:あい:187:")}
        }]});
        let question = MatchQuestion::parse(body.to_string().as_bytes()).unwrap();
        let found = house
            .records
            .match_patient(&permit, &question)
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].entry.address, address("Patient/mai"));
    })
    .await;
}
