//! Each code with which a consent token is refused (PROTOCOL section 5), provoked at a real
//! responder; rows 37 to 46 of the decision table among them.
//!
//! The tokens are real ones that a home node minted, and what a dishonest member with its own keys
//! could make of them.

mod form;
mod holder;
mod person;

use federation_protocol::base64url;
use federation_protocol::time::Timestamp;
use federation_protocol::token::{Confirmation, TokenClaims};
use musubi_node::audit::Recorded;
use scenarios::envoy::{Parcel, Reply};
use scenarios::{Envoy, Patient, Store, Town, Witness, charts};

/// Hana is at home in Minato and has a chart at Yukimi. Shirakaba holds a token of hers for lab
/// results and conditions at Yukimi; Kawabe is a member like any other, and means ill.
struct Scene {
    town: Town,
    hana: Patient,
    token: String,
}

impl Scene {
    async fn set(store: Store) -> Self {
        Self::set_in(Town::start(&["minato", "yukimi", "shirakaba", "kawabe"], store).await).await
    }

    async fn set_in(town: Town) -> Self {
        for name in ["minato", "yukimi", "kawabe"] {
            let id = format!("{name}-1");
            town.at(name)
                .load(&[
                    charts::patient("hana", "佐藤", "花"),
                    charts::hba1c(&id, "hana", "2026-05-01", "7.20"),
                ])
                .await;
        }
        let hana = town.person("hana", "minato", &["yukimi"]).await;
        let mut tokens = town.tokens(&hana, "shirakaba", "lab condition").await;
        let token = tokens.remove("yukimi").unwrap();
        Self { town, hana, token }
    }

    fn now(&self) -> Timestamp {
        self.town.now()
    }

    fn envoy(&self, name: &str) -> Envoy {
        self.town.at(name).envoy()
    }

    /// The claims of the real token.
    fn claims(&self) -> TokenClaims {
        let payload = self.token.split('.').nth(1).unwrap();
        serde_json::from_slice(&base64url::decode(payload).unwrap()).unwrap()
    }

    /// The claims that `issuer` would make for itself, were it Hana's home: everything that it can
    /// know.
    fn own_claims(&self, issuer: &Envoy) -> TokenClaims {
        let mut claims = self.claims();
        let endpoint = |name: &str| {
            let address = self.town.at(name).node().addresses().federation;
            format!("https://{address}")
        };
        let name = self
            .town
            .hospitals
            .values()
            .find(|one| *one.id() == issuer.id);
        let uri = &claims.status.status_list.uri;
        claims.status.status_list.uri =
            uri.replace(&endpoint("minato"), &endpoint(name.unwrap().name()));
        claims.iss = issuer.id.clone();
        bound_to(claims, issuer)
    }

    /// Asks Yukimi for observations as `who`.
    async fn ask(&self, who: &str, token: &str) -> Reply {
        let yukimi = self.town.at("yukimi");
        self.envoy(who)
            .ask(yukimi, token, "Observation", self.now())
            .await
    }

    async fn shows(&self, who: &str, token: &str) {
        let reply = self.ask(who, token).await;
        assert_eq!((reply.status, reply.code().as_str()), (200, ""));
        assert_eq!(reply.resources().len(), 1);
    }

    /// Shirakaba asks Yukimi with `token`, which Hana's home signed, and is refused.
    async fn refuses(&self, token: &str, status: u16, code: &'static str) {
        self.refuses_to("shirakaba", token, status, code).await;
    }

    /// The same by `who`. The line names her chart: she sees that it was tried.
    async fn refuses_to(&self, who: &str, token: &str, status: u16, code: &'static str) {
        let parcel = self.parcel(who, token);
        self.refuses_of_hers(who, &parcel, status, code).await;
    }

    async fn refuses_of_hers(&self, who: &str, parcel: &Parcel, status: u16, code: &'static str) {
        let line = self.refuses_parcel(who, "yukimi", parcel, status, code);
        let (line, hers) = (line.await, self.town.at("yukimi").chart("hana").await);
        assert_eq!(line.patient, Some(hers), "{code} names the chart");
    }

    /// `who` asks Yukimi with a token that her home did not sign, or that nobody can read: it is
    /// about nobody.
    async fn refuses_forged(&self, who: &str, token: &str, status: u16, code: &'static str) {
        let parcel = self.parcel(who, token);
        let line = self.refuses_parcel(who, "yukimi", &parcel, status, code);
        assert_eq!(line.await.patient, None, "{code} names no chart");
    }

    fn parcel(&self, who: &str, token: &str) -> Parcel {
        let (envoy, yukimi) = (self.envoy(who), self.town.at("yukimi"));
        envoy.sign(
            envoy.search(yukimi, token, "Observation", self.now()),
            self.now(),
        )
    }

    /// The refusal is signed, tells nothing but its code, and is one line at the responder that
    /// names who asked.
    async fn refuses_parcel(
        &self,
        who: &str,
        responder: &str,
        parcel: &Parcel,
        status: u16,
        code: &'static str,
    ) -> Recorded {
        let (asker, responder) = (self.town.at(who), self.town.at(responder));
        let witness = Witness::of(responder, code, Some(asker.id())).await;
        let reply = asker.envoy().send(responder, parcel).await;
        let line = witness.saw_it_written(status, &reply).await;
        assert!(reply.verifies(&parcel.binding, asker, self.now()));
        let exchange = parcel.binding.exchange.to_string();
        assert_eq!(line.exchange.as_deref(), Some(exchange.as_str()));
        assert_eq!(line.shown, None);
        line
    }
}

fn bound_to(mut claims: TokenClaims, holder: &Envoy) -> TokenClaims {
    claims.client_id = holder.id.clone();
    claims.cnf = Confirmation {
        jkt: holder.keys.sign().kid().clone(),
    };
    claims
}

fn minted(by: &Envoy, claims: &TokenClaims) -> String {
    claims.sign(&*by.keys.consent()).unwrap()
}
