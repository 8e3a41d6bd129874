//! The pages over HTTP: read without script, escaped whatever comes in, closed to strangers.

use actix_web::dev::Service as _;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use actix_web::{App, HttpMessage as _};
use prometheus_client::registry::Registry;

use super::*;
use crate::database::testing::{on_each_async, sqlite};
use crate::pages::{Audience, House, Pages};

/// The patient listener's routes, the door replaced by one that lets `caller` in.
macro_rules! served {
    ($site:expr, $caller:expr) => {{
        let caller: Caller = $caller.clone();
        let house = House::default();
        let pages = Pages::open(house, Audience::People, &mut Registry::default()).unwrap();
        init_service(
            App::new()
                .app_data(Data::new(pages))
                .app_data(Data::new($site.health.clone()))
                .configure(routes::configure_api)
                .service(
                    actix_web::web::scope("")
                        .wrap_fn(move |request, service| {
                            request.extensions_mut().insert(caller.clone());
                            service.call(request)
                        })
                        .configure(routes::configure),
                ),
        )
        .await
    }};
}

macro_rules! get {
    ($app:expr, $path:expr) => {{
        let answer = call_service(&$app, TestRequest::get().uri($path).to_request()).await;
        let status = answer.status().as_u16();
        let body = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
        (status, body)
    }};
}

macro_rules! post {
    ($app:expr, $path:expr, $form:expr) => {{
        let request = TestRequest::post()
            .uri($path)
            .insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded"))
            .set_payload($form.to_owned());
        let answer = call_service(&$app, request.to_request()).await;
        let status = answer.status().as_u16();
        let to = answer.headers().get(LOCATION);
        let to = to
            .map(|to| to.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let body = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
        (status, to, body)
    }};
}

/// What attackers put where names are expected.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'-alert(1)-'",
    "javascript:alert(1)",
    "<svg onload=alert(1)>",
    "{{7*7}}${7*7}",
];

fn assert_harmless(html: &str) {
    for raw in [
        "<script>alert",
        "<img src=x",
        "<svg onload",
        "onerror=alert(1)>",
    ] {
        assert!(!html.contains(raw), "{raw}");
    }
    assert!(!html.contains(" style=") && !html.contains(" onclick"));
}

#[actix_web::test]
async fn a_person_without_values_is_shown_how_to_begin() {
    let scratch = sqlite();
    let site = Site::on(scratch.database.clone()).await;
    let app = served!(site, site.hana);
    let (status, html) = get!(app, "/p/vitals");
    assert_eq!(status, 200);
    assert!(html.contains("最初の記録を入れる"));
    for path in [
        "/p/vitals/new",
        "/p/vitals/new?kind=sleep",
        "/p/vitals/of/steps",
        "/p/vitals/import",
        "/p/vitals/token",
    ] {
        assert_eq!(get!(app, path).0, 200, "{path}");
    }
    for path in [
        "/p/vitals/of/nothing",
        "/p/vitals/new?kind=nothing",
        "/p/vitals/import/x",
        "/p/vitals/import/00000000-0000-4000-8000-000000000000",
        "/p/vitals/change/ward-1?kind=body-mass",
        "/p/vitals/delete/..%2f..?kind=body-mass",
    ] {
        let (status, _) = get!(app, path);
        assert!(status == 404 || status == 400, "{path}: {status}");
    }
}

#[actix_web::test]
async fn a_value_is_entered_asked_about_corrected_and_deleted_by_forms_alone() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let app = served!(site, site.hana);
        let (status, _, html) = post!(
            app,
            "/p/vitals",
            "kind=body-mass&value=300&at=2026-01-14T07:30"
        );
        assert_eq!(status, 200);
        assert!(html.contains("本当に 300 kg ですか") && html.contains("name=\"confirmed\""));
        let (status, to, _) = post!(
            app,
            "/p/vitals",
            "kind=body-mass&value=300&at=2026-01-14T07:30&confirmed=1"
        );
        assert_eq!(
            (status, to.as_str()),
            (303, "/p/vitals/of/body-mass?done=kept")
        );
        let (status, _, html) = post!(
            app,
            "/p/vitals",
            "kind=body-mass&value=%3Cscript%3E&at=2026-01-14T07:30"
        );
        assert_eq!(status, 400);
        assert!(html.contains("数字で入れてください"));
        assert_harmless(&html);
        let id = site.observations(&site.hana).await[0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let (_, html) = get!(app, "/p/vitals/of/body-mass?done=kept");
        assert!(html.contains(&format!("/p/vitals/change/{id}?kind=body-mass")));
        let (_, html) = get!(app, &format!("/p/vitals/change/{id}?kind=body-mass"));
        assert!(html.contains("value=\"300\"") && html.contains("value=\"2026-01-14T07:30\""));
        let (status, html) = get!(app, &format!("/p/vitals/delete/{id}?kind=body-mass"));
        assert!(status == 200 && html.contains("300 kg"));
        let (status, ..) = post!(app, &format!("/p/vitals/delete/{id}"), "kind=body-mass");
        assert_eq!(status, 303);
        assert!(site.observations(&site.hana).await.is_empty());
    })
    .await;
}

#[actix_web::test]
async fn a_file_is_sent_looked_at_saved_and_undone_by_forms_alone() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let app = served!(site, site.hana);
        let form = [
            b"--x7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../etc/passwd\"\r\n\r\n".as_slice(),
            &export(),
            b"\r\n--x7--\r\n",
        ]
        .concat();
        let request = TestRequest::post()
            .uri("/p/vitals/import")
            .insert_header((CONTENT_TYPE, "multipart/form-data; boundary=x7"))
            .set_payload(form);
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!(answer.status(), 303);
        let to = answer.headers().get(LOCATION).unwrap().to_str().unwrap().to_owned();
        let id = UploadId::parse(to.strip_prefix("/p/vitals/import/").unwrap()).unwrap();
        site.rested(&site.hana, &id).await;
        let (_, html) = get!(app, &to);
        assert!(html.contains("保存する前の確認") && html.contains("value=\"body-mass\" checked"));
        let (status, _, html) = post!(app, &format!("{to}/save"), "from=&to=");
        assert_eq!(status, 400);
        assert!(html.contains("1つ以上選んで"));
        let (status, ..) = post!(app, &format!("{to}/save"), "kind=body-mass&kind=heart-rate&from=2025-01-01&to=");
        assert_eq!(status, 303);
        site.rested(&site.hana, &id).await;
        let (_, html) = get!(app, &to);
        assert!(html.contains("2件取込・0件は重複・2件は範囲外"), "{html}");
        let (status, ..) = post!(app, &format!("{to}/undo"), "");
        assert_eq!(status, 303);
        site.rested(&site.hana, &id).await;
        let (_, html) = get!(app, &to);
        assert!(html.contains("この取り込みで入った記録を消しました"));
        assert!(site.observations(&site.hana).await.is_empty());
        // Another person finds nothing there.
        let app = served!(site, site.taro);
        assert_eq!(get!(app, &to).0, 404);
        assert_eq!(post!(app, &format!("{to}/undo"), "").0, 404);
    })
    .await;
}

#[actix_web::test]
async fn the_file_itself_is_taken_as_a_body_and_half_a_form_is_not() {
    let scratch = sqlite();
    let site = Site::on(scratch.database.clone()).await;
    let app = served!(site, site.hana);
    let send = |kind: &'static str, bytes: Vec<u8>| {
        TestRequest::post()
            .uri("/p/vitals/import")
            .insert_header((CONTENT_TYPE, kind))
            .set_payload(bytes)
            .to_request()
    };
    let answer = call_service(&app, send("application/zip", export())).await;
    assert_eq!(answer.status(), 303);
    for (kind, bytes) in [
        ("multipart/form-data; boundary=x7", b"--x7\r\n".to_vec()),
        ("multipart/form-data", b"x".to_vec()),
        ("multipart/form-data; boundary=x7", b"--x7--\r\n".to_vec()),
    ] {
        let id = site.health.uploads(&site.hana).await.unwrap()[0].id.clone();
        site.rested(&site.hana, &id).await;
        let answer = call_service(&app, send(kind, bytes)).await;
        assert_eq!(answer.status(), 400, "{kind}");
    }
}

#[actix_web::test]
async fn names_of_attackers_are_text_on_every_page() {
    let scratch = sqlite();
    let site = Site::on(scratch.database.clone()).await;
    let app = served!(site, site.hana);
    for name in HOSTILE {
        let escaped = name
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;");
        let value = record("BodyMass", "kg", "61.5", &escaped, AT);
        site.bring(&site.hana, &xml(&[value])).await;
        site.health.make_token(&site.taro, name).await.ok();
    }
    // A hospital's own record may carry what it likes.
    site.hospital_writes(&json!({
        "resourceType": "Observation", "id": "ward-1", "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": "Patient/hana"},
        "effectiveDateTime": "2026-01-14T07:30:00+09:00",
        "device": {"display": HOSTILE[1]},
        "valueQuantity": {"value": 61.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }))
    .await;
    let (_, html) = get!(app, "/p/vitals/of/body-mass");
    assert_harmless(&html);
    assert!(html.contains("&#60;img") || html.contains("&lt;img"));
    let app = served!(site, site.taro);
    let (_, html) = get!(app, "/p/vitals/token");
    assert_harmless(&html);
}

#[actix_web::test]
async fn a_key_is_shown_once_and_opens_the_one_address_alone() {
    let scratch = sqlite();
    let site = Site::on(scratch.database.clone()).await;
    let app = served!(site, site.hana);
    let (status, _, html) = post!(app, "/p/vitals/token", "label=iPhone");
    assert_eq!(status, 200);
    let at = html.find("mbv_").unwrap();
    let token = html[at..at + 47].to_owned();
    assert!(!get!(app, "/p/vitals/token").1.contains("mbv_"));
    let body = json!({"data": {"metrics": [{"name": "weight", "units": "kg",
        "data": [{"date": AT, "qty": 61.5}]}]}});
    let send = |token: &str, body: &Value| {
        TestRequest::post()
            .uri("/p/api/vitals")
            .insert_header((AUTHORIZATION, format!("Bearer {token}")))
            .set_json(body)
            .to_request()
    };
    let answer = call_service(&app, send(&token, &body)).await;
    assert_eq!(answer.status(), 200);
    let said: Value = actix_web::test::read_body_json(answer).await;
    assert_eq!(said, json!({"saved": 1, "duplicates": 0, "outside": 0}));
    let stranger = call_service(&app, send("mbv_x", &json!({"x": 1}))).await;
    assert_eq!(stranger.status(), 401);
    let nobody = TestRequest::post().uri("/p/api/vitals").to_request();
    assert_eq!(call_service(&app, nobody).await.status(), 401);
    let nonsense = call_service(&app, send(&token, &json!({"x": 1}))).await;
    assert_eq!(nonsense.status(), 400);
    let large = TestRequest::post()
        .uri("/p/api/vitals")
        .insert_header((AUTHORIZATION, format!("Bearer {token}")))
        .set_payload(vec![b' '; 9 << 20]);
    assert_eq!(call_service(&app, large.to_request()).await.status(), 413);
    // It is used too often.
    let mut last = 0;
    for _ in 0..60 {
        last = call_service(&app, send(&token, &body))
            .await
            .status()
            .as_u16();
    }
    assert_eq!(last, 429);
    // No other door knows it.
    let identity = crate::identity::Identity::open(crate::identity::IdentityParts {
        database: scratch.database.clone(),
        clock: site.home.clock.clone(),
        keys: std::sync::Arc::clone(&site.home.keys),
        sessions: crate::config::SessionSettings::default(),
        organization: "みなと病院".into(),
        oidc: None,
    })
    .unwrap();
    assert!(identity.authenticate(&token).await.unwrap().is_none());
}
