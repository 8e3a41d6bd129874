//! A house's `/fhir` with real permits and audit lines; the caller is put in by hand, where the door
//! would put them.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use actix_web::dev::Service as _;
use actix_web::http::header::HeaderMap;
use actix_web::test::TestRequest;
use actix_web::web::Data;
use actix_web::{App, HttpMessage as _, test};
use serde_json::Value;

use super::{configure, configure_own_chart};
use crate::access::Access;
use crate::audit::Audit;
use crate::consent::testing::Home;
use crate::database::Database;
use crate::identity::Caller;
use crate::records::Records;
use crate::records::Validator;

/// The hospital's own system.
pub(super) const HIS: Caller = Caller::System { id: String::new() };

/// One house's `/fhir`.
pub(super) struct Site {
    pub(super) home: Home,
    pub(super) records: Records,
    pub(super) audit: Audit,
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Site {
    pub(super) fn on(database: Database) -> Self {
        let home = Home::on(database.clone());
        let (own, clock) = (home.minato.id.clone(), home.clock.clone());
        let opened = database.clone();
        let records = std::thread::spawn(move || {
            Records::open(opened, clock, &own, Validator::off()).unwrap()
        });
        Self {
            home,
            records: records.join().unwrap(),
            audit: Audit::new(database),
        }
    }

    /// Calls as somebody, at the hospital's door or at that of one's own chart.
    pub(super) async fn call(
        &self,
        caller: Caller,
        own_chart: bool,
        request: TestRequest,
    ) -> Reply {
        let access = Access::new(self.audit.clone(), self.home.clock.clone());
        let app = App::new()
            .app_data(Data::new(self.records.clone()))
            .app_data(Data::new(access))
            .app_data(Data::new(self.home.consents.clone()))
            .wrap_fn(move |request, service| {
                request.extensions_mut().insert(caller.clone());
                service.call(request)
            })
            .configure(if own_chart {
                configure_own_chart
            } else {
                configure
            });
        let app = test::init_service(app).await;
        let response = test::call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = test::read_body(response).await;
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Reply {
            status,
            headers,
            body,
        }
    }
}

/// A request with a resource in it.
pub(super) fn fhir(request: TestRequest, body: &Value) -> TestRequest {
    request
        .insert_header(("content-type", "application/fhir+json"))
        .set_payload(body.to_string())
}
