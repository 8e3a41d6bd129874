//! Definitions that change, meet, or cannot be used.

use super::*;

#[tokio::test]
async fn a_changed_definition_is_read_anew_and_a_changed_description_is_not() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&encounter("e", "3")).await;
        house.put(&ward_parameter()).await;
        finish(&house).await;
        let rows = index_rows(&house).await;
        let mut described = ward_parameter();
        described["description"] = json!("which ward");
        house.put(&described).await;
        assert_eq!(found(&house, "Encounter", "ward=3").await, ["e"]);
        let mut changed = ward_parameter();
        changed["expression"] = json!("Encounter.class");
        house.put(&changed).await;
        assert_eq!(percent(&house, "Encounter", "ward=3").await, Some(0));
        finish(&house).await;
        assert_eq!(found(&house, "Encounter", "ward=3").await, NONE);
        assert_eq!(found(&house, "Encounter", "ward=IMP").await, ["e"]);
        is_as_if_made_anew(&house).await;
        // Two hashes of a coding with a system, one and the empty one of a code without.
        assert_eq!(index_rows(&house).await, rows);
        let mut retired = changed;
        retired["status"] = json!("retired");
        house.put(&retired).await;
        assert!(ask(&house, "Encounter", "ward=IMP").await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_later_definition_of_a_name_goes_before_an_earlier_one() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&encounter("e", "3")).await;
        house.put(&ward_parameter()).await;
        let mut later = ward_parameter();
        later["id"] = json!("later");
        later["expression"] = json!("Encounter.class");
        house.put(&later).await;
        finish(&house).await;
        assert_eq!(found(&house, "Encounter", "ward=IMP").await, ["e"]);
        assert_eq!(found(&house, "Encounter", "ward=3").await, NONE);
        delete(&house, "SearchParameter/later").await;
        assert_eq!(found(&house, "Encounter", "ward=3").await, ["e"]);
    })
    .await;
}

#[tokio::test]
async fn one_commit_may_define_a_parameter_and_write_what_it_finds() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let entry = |resource: Value| {
            let url = address_of(&resource).to_string();
            json!({"resource": resource, "request": {"method": "PUT", "url": url}})
        };
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            entry(encounter("before", "3")), entry(ward_parameter()), entry(encounter("after", "3"))
        ]});
        let body = bundle.to_string();
        house
            .records
            .transaction(&house.permit, body.as_bytes())
            .await
            .unwrap();
        finish(&house).await;
        assert_eq!(
            found(&house, "Encounter", "ward=3").await,
            ["after", "before"]
        );
        is_as_if_made_anew(&house).await;
    })
    .await;
}

#[tokio::test]
async fn a_definition_that_cannot_be_used_is_not_stored() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let mut wrong = ward_parameter();
        wrong["expression"] = json!("Encounter.where(");
        let body = wrong.to_string();
        let place = address("SearchParameter/own-ward");
        let put = house
            .records
            .update(&house.permit, &place, body.as_bytes(), None)
            .await;
        let told = put.unwrap_err().told();
        assert_eq!((told.status, told.code), (422, "invalid"));
        assert_eq!(
            told.expression.as_deref(),
            Some("SearchParameter.expression")
        );
        let read = house.records.read(&house.permit, &place).await;
        assert!(matches!(read, Err(RecordsError::NotFound)));
        // A draft may be anything.
        wrong["status"] = json!("draft");
        house.put(&wrong).await;
        assert!(!house.records.index_some().await.unwrap());
    })
    .await;
}
