//! Conditional interactions, patches and preferences.

use super::*;

fn patch(uri: &str, operations: &Value) -> TestRequest {
    TestRequest::patch()
        .uri(uri)
        .insert_header((header::CONTENT_TYPE, "application/json-patch+json"))
        .set_payload(operations.to_string())
}

fn named(id: &str, family: &str) -> Value {
    let mut named = patient(id);
    named["name"] = json!([{"family": family}]);
    named
}

impl Site {
    async fn send(&self, method: Method, uri: &str, body: &Value) -> Reply {
        let request = TestRequest::with_uri(uri).method(method);
        self.system(fhir(request, &body.to_string())).await
    }
}

#[actix_web::test]
async fn a_patch_changes_what_it_names_and_no_other_byte() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let body = "{\"resourceType\":\"Patient\",\"id\":\"p\", \"zeta\":[1.50, 2.0],\
                    \"name\" : [{\"text\":\"１ 𠮷\"}]}";
        site.system(fhir(TestRequest::put().uri("/fhir/Patient/p"), body))
            .await;
        let add = json!([{"op": "add", "path": "/gender", "value": "female"}]);
        let request = patch("/fhir/Patient/p", &add)
            .insert_header(("if-match", "W/\"1\""))
            .insert_header(("prefer", "return=representation"));
        let done = site.system(request).await;
        assert_eq!(
            (done.status, done.header("etag")),
            (StatusCode::OK, "W/\"2\"")
        );
        assert!(done.text.contains("\"zeta\":[1.50, 2.0],"), "{}", done.text);
        assert!(
            done.text
                .contains("[{\"text\":\"１ 𠮷\"}],\"gender\":\"female\"}"),
            "{}",
            done.text
        );
        assert_eq!(done.json()["meta"]["versionId"], "2");

        let stale = patch("/fhir/Patient/p", &add).insert_header(("if-match", "W/\"1\""));
        assert_eq!(site.system(stale).await.status, 412);
        // Who knows another version is not told what the patch would find in this one.
        let test = json!([{"op": "test", "path": "/gender", "value": "male"}]);
        for (name, value) in [("if-match", "W/\"1\""), ("if-none-match", "*")] {
            let both = patch("/fhir/Patient/p", &test).insert_header((name, value));
            assert_eq!(site.system(both).await.status, 412);
        }
        let newest = patch("/fhir/Patient/p", &test).insert_header(("if-match", "W/\"2\""));
        assert_eq!(site.system(newest).await.status, 422);
        for (status, uri, operations) in [
            (
                422,
                "p",
                json!([{"op": "test", "path": "/gender", "value": "male"}]),
            ),
            (422, "p", json!([{"op": "remove", "path": "/nothing"}])),
            (
                422,
                "p",
                json!([{"op": "replace", "path": "/resourceType", "value": "Group"}]),
            ),
            (
                422,
                "p",
                json!([{"op": "replace", "path": "/id", "value": "q"}]),
            ),
            (
                422,
                "p",
                json!([{"op": "replace", "path": "/meta", "value": 1}]),
            ),
            (400, "p", json!({"resourceType": "Patient"})),
            (404, "none", add.clone()),
        ] {
            let refused = site
                .system(patch(&format!("/fhir/Patient/{uri}"), &operations))
                .await;
            assert_eq!(refused.status, status, "{operations}");
            assert_eq!(refused.json()["resourceType"], "OperationOutcome");
        }
        let plain = fhir(
            TestRequest::patch().uri("/fhir/Patient/p"),
            &add.to_string(),
        );
        assert_eq!(site.system(plain).await.status, 415);
        assert_eq!(site.get("/fhir/Patient/p").await.header("etag"), "W/\"2\"");
        site.system(TestRequest::delete().uri("/fhir/Patient/p"))
            .await;
        assert_eq!(
            site.system(patch("/fhir/Patient/p", &add)).await.status,
            410
        );
    })
    .await;
}

#[actix_web::test]
async fn conditions_choose_what_is_changed_and_refuse_more_than_one() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let by = |family: &str| format!("/fhir/Patient?family={family}");
        let mut new = named("x", "Amano");
        new.as_object_mut().unwrap().remove("id");
        let made = site.send(Method::PUT, &by("Amano"), &new).await;
        assert_eq!(made.status, 201);
        let again = site.send(Method::PUT, &by("Amano"), &new).await;
        assert_eq!(
            (again.status, again.header("etag")),
            (StatusCode::OK, "W/\"2\"")
        );
        // The id of the resource that matches, or none; another is a mistake.
        let other = site
            .send(Method::PUT, &by("Amano"), &named("other", "Amano"))
            .await;
        assert_eq!(other.status, 400);
        let own = site
            .send(Method::PUT, &by("Kawa"), &named("kawa", "Kawa"))
            .await;
        assert_eq!(own.status, 201);
        assert!(own.header("location").contains("/Patient/kawa/_history/1"));
        let taken = site
            .send(Method::PUT, &by("Mori"), &named("kawa", "Mori"))
            .await;
        assert_eq!(taken.status, 409);
        let add = json!([{"op": "add", "path": "/gender", "value": "female"}]);
        assert_eq!(
            site.system(patch(&by("Kawa"), &add)).await.header("etag"),
            "W/\"2\""
        );
        assert_eq!(site.system(patch(&by("Nobody"), &add)).await.status, 404);
        site.put(&named("twin", "Kawa")).await;
        for request in [
            TestRequest::delete().uri(&by("Kawa")),
            patch(&by("Kawa"), &add),
            fhir(TestRequest::put().uri(&by("Kawa")), &new.to_string()),
            fhir(TestRequest::post().uri("/fhir/Patient"), &new.to_string())
                .insert_header(("if-none-exist", "family=Kawa")),
        ] {
            let refused = site.system(request).await;
            assert_eq!(refused.status, 412, "{}", refused.text);
            assert_eq!(refused.json()["issue"][0]["code"], "multiple-matches");
        }
        let delete = || site.system(TestRequest::delete().uri(&by("Amano")));
        assert_eq!(delete().await.status, 204);
        assert_eq!(delete().await.status, 204);
        assert_eq!(site.get(&by("Amano")).await.ids().len(), 0);
    })
    .await;
}

#[actix_web::test]
async fn what_must_not_be_there_yet_or_be_there_already_is_said_by_a_star() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let body = patient("p").to_string();
        let put = |name: &'static str, value: &str| {
            let request = TestRequest::put().uri("/fhir/Patient/p");
            fhir(request, &body).insert_header((name, value.to_owned()))
        };
        assert_eq!(site.system(put("if-match", "*")).await.status, 412);
        assert_eq!(site.system(put("if-none-match", "*")).await.status, 201);
        assert_eq!(site.system(put("if-none-match", "*")).await.status, 412);
        assert_eq!(site.system(put("if-match", "*")).await.status, 200);
        assert_eq!(
            site.system(put("if-none-match", "W/\"1\"")).await.status,
            400
        );
        assert_eq!(
            site.system(put("if-none-exist", "family=x")).await.status,
            400
        );
        site.system(TestRequest::delete().uri("/fhir/Patient/p"))
            .await;
        assert_eq!(site.system(put("if-none-match", "*")).await.status, 201);
    })
    .await;
}

#[actix_web::test]
async fn who_has_a_version_is_not_sent_it_again() {
    on_each_async(async |database| {
        let site = Site::on(database);
        site.put(&patient("p")).await;
        let get = |name: &'static str, value: &str| {
            let request = TestRequest::get().uri("/fhir/Patient/p");
            request.insert_header((name, value.to_owned()))
        };
        let modified = site
            .get("/fhir/Patient/p")
            .await
            .header("last-modified")
            .to_owned();
        for known in [
            get("if-none-match", "W/\"7\", W/\"1\""),
            get("if-none-match", "*"),
            get("if-modified-since", &modified),
        ] {
            let reply = site.system(known).await;
            assert_eq!(
                (reply.status, reply.text.as_str()),
                (StatusCode::NOT_MODIFIED, "")
            );
            assert_eq!(reply.header("etag"), "W/\"1\"");
        }
        for unknown in [
            get("if-none-match", "W/\"7\""),
            get("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
            get("if-modified-since", "yesterday"),
        ] {
            assert_eq!(site.system(unknown).await.status, 200);
        }
    })
    .await;
}

#[actix_web::test]
async fn an_answer_is_as_long_as_was_preferred() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let post = async |prefer: &str| {
            let request = TestRequest::post().uri("/fhir/Patient");
            let request = fhir(request, &named("x", "Amano").to_string());
            site.system(request.insert_header(("prefer", prefer.to_owned())))
                .await
        };
        assert_eq!(post("return=minimal").await.text, "");
        assert_eq!(
            post("return=representation").await.json()["resourceType"],
            "Patient"
        );
        let outcome = post("return=OperationOutcome").await;
        assert_eq!(outcome.status, 201);
        assert_eq!(outcome.json()["issue"][0]["severity"], "information");
        let pretty = site
            .get("/fhir/Patient?_count=1&_pretty=true&_format=json")
            .await;
        assert!(
            pretty.text.starts_with("{\n  \"resourceType\": \"Bundle\""),
            "{}",
            pretty.text
        );

        let search = |handling: &str| {
            let request = TestRequest::get().uri("/fhir/Patient?family=Amano&colour=red&_count=5");
            site.system(request.insert_header(("prefer", format!("handling={handling}"))))
        };
        assert_eq!(search("strict").await.status, 400);
        let lenient = search("lenient").await.json();
        let entries = lenient["entry"].as_array().unwrap();
        let last = entries.last().unwrap();
        assert_eq!(
            (entries.len(), last["search"]["mode"].clone()),
            (4, json!("outcome"))
        );
        let own = text(&lenient["link"][0], "url");
        assert!(
            own.contains("family=Amano") && !own.contains("colour"),
            "{own}"
        );
    })
    .await;
}

#[actix_web::test]
async fn bodies_made_to_burst_are_refused_whole() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let bombs = [
            format!(
                "{{\"resourceType\":\"Patient\",\"x\":{}1{}}}",
                "[".repeat(9_000),
                "]".repeat(9_000)
            ),
            format!(
                "{{\"resourceType\":\"Patient\",\"x\":[{}0]}}",
                "[],".repeat(600_000)
            ),
            format!(
                "{{\"resourceType\":\"Patient\",{}\"z\":0}}",
                (0..5_000)
                    .map(|n| format!("\"m{n}\":0,"))
                    .collect::<String>()
            ),
        ];
        for bomb in bombs {
            let post = fhir(TestRequest::post().uri("/fhir/Patient"), &bomb);
            let refused = site.system(post).await;
            assert_eq!(refused.status, 400);
            assert_eq!(refused.json()["issue"][0]["code"], "structure");
        }
        let packed = fhir(TestRequest::post().uri("/fhir/Patient"), "{}")
            .insert_header((header::CONTENT_ENCODING, "gzip"));
        assert_eq!(site.system(packed).await.status, 415);
        assert_eq!(site.get("/fhir/Patient").await.ids().len(), 0);
    })
    .await;
}

#[actix_web::test]
async fn many_at_once_on_one_condition_make_one_and_patches_at_once_lose_none() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let new = json!({"resourceType": "Patient", "name": [{"family": "Amano"}], "link": []});
        let put = || async {
            let uri = "/fhir/Patient?family=Amano";
            site.send(Method::PUT, uri, &new).await.status.as_u16()
        };
        let mut made = futures_util::future::join_all((0..32).map(|_| put())).await;
        made.sort_unstable();
        assert_eq!((made[0], made[30], made[31]), (200, 200, 201));
        assert_eq!(site.get("/fhir/Patient?family=Amano").await.ids().len(), 1);
        let append = |n: usize| {
            let link = json!({"other": {"display": format!("no {n}")}, "type": "seealso"});
            let operations = json!([{"op": "add", "path": "/link/-", "value": link}]);
            site.system(patch("/fhir/Patient?family=Amano", &operations))
        };
        let done = futures_util::future::join_all((0..32).map(append)).await;
        assert!(done.iter().all(|reply| reply.status == 200));
        let found = site.get("/fhir/Patient?family=Amano").await.json();
        let links = found["entry"][0]["resource"]["link"]
            .as_array()
            .unwrap()
            .clone();
        let texts: std::collections::BTreeSet<String> =
            links.iter().map(Value::to_string).collect();
        assert_eq!(texts.len(), 32);
    })
    .await;
}

#[actix_web::test]
async fn a_read_is_cut_as_it_is_wanted_and_refuses_what_chooses_nothing() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let mut hana = named("hana", "Amano");
        hana["contact"] = json!([{"name": {"text": "x"}}]);
        hana["text"] = json!({"status": "generated", "div": "<div/>"});
        site.put(&hana).await;
        for at in ["/fhir/Patient/hana", "/fhir/Patient/hana/_history/1"] {
            let read = async |query: &str| site.get(&format!("{at}?{query}")).await;
            let whole = site.get(at).await.text;
            for same in ["_format=json", "_pretty=false", "_summary=false"] {
                assert_eq!(read(same).await.text, whole, "{same}");
            }
            assert!(
                read("_pretty=true")
                    .await
                    .text
                    .contains("\n  \"id\": \"hana\"")
            );
            for (query, kept) in [
                ("_summary=true", vec!["name", "identifier"]),
                ("_summary=text", vec!["text"]),
                ("_summary=data", vec!["name", "identifier", "contact"]),
                ("_elements=name", vec!["name"]),
                (
                    "_elements=name,contact&_format=json",
                    vec!["name", "contact"],
                ),
            ] {
                let cut = read(query).await;
                assert_eq!(cut.status, 200, "{query}");
                assert_eq!(cut.header("etag"), "W/\"1\"");
                let cut = cut.json();
                let tag = &cut["meta"]["tag"][0]["code"];
                assert_eq!(tag, "SUBSETTED", "{query}");
                assert_eq!(cut["meta"]["versionId"], "1");
                for name in ["name", "identifier", "contact", "text"] {
                    assert_eq!(
                        cut.get(name).is_some(),
                        kept.contains(&name),
                        "{query}: {name}"
                    );
                }
            }
            for (query, code) in [
                ("name=x", "not-supported"),
                ("colour=red", "not-supported"),
                ("_count=1", "not-supported"),
                ("_summary=count", "not-supported"),
                ("_summary=short", "invalid"),
                ("_elements=a%20b", "invalid"),
            ] {
                let refused = read(query).await;
                assert_eq!(refused.status, 400, "{query}");
                assert_eq!(refused.json()["issue"][0]["code"], code, "{query}");
            }
            let lenient = TestRequest::get().uri(&format!("{at}?colour=red"));
            let lenient = lenient.insert_header(("prefer", "handling=lenient"));
            assert_eq!(site.system(lenient).await.text, whole);
        }
        let read = |url: &str| json!({"request": {"method": "GET", "url": url}});
        for kind in ["batch", "transaction"] {
            let entries = [read("Patient/hana?_elements=name"), read("Patient/hana")];
            let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
            let done = site.send(Method::POST, "/fhir", &bundle).await.json();
            let [cut, whole] = [0, 1].map(|entry| done["entry"][entry]["resource"].clone());
            assert_eq!(cut["meta"]["tag"][0]["code"], "SUBSETTED", "{kind}");
            assert!(cut.get("contact").is_none() && whole.get("contact").is_some());
            assert_eq!(whole["meta"].get("tag"), None);
        }
    })
    .await;
}
