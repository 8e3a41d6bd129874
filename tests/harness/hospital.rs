//! One hospital of a town: its node, its staff, its patients.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use federation_protocol::category::Scope;
use federation_protocol::consent::{ConsentKind, LabelTerms, Practitioner, Provision};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_service::clock::SharedClock;
use musubi_node::app::{Node, Rooms};
use musubi_node::audit::{Filter, Recorded};
use musubi_node::config::Config;
use musubi_node::consent::{Decision, Evidence, Subject, TickedResponder};
use musubi_node::database::testing::Scratch;
use musubi_node::identity::Role;
use musubi_node::linkage::phone::Phone;
use musubi_node::records::Address;
use serde_json::{Value, json};

use crate::charts;
use crate::envoy::Envoy;
use crate::store::OtherConnection;
use crate::town::{Town, free_port, node_command, text};

const A_MONTH_SECONDS: i64 = 30 * 86_400;

/// One hospital.
pub struct Hospital {
    name: String,
    id: MemberId,
    folder: PathBuf,
    node: Option<Node>,
    _database: Option<Scratch>,
}

/// A person with charts in a town.
pub struct Patient {
    /// Their id at their home node.
    pub person: String,
    /// Their phone.
    pub phone: PathBuf,
    /// The short name of their home hospital.
    pub home: String,
}

impl Hospital {
    pub(crate) fn make(
        name: &str,
        number: &str,
        folder: &Path,
        registry: &str,
        pin: &str,
        database: Option<Scratch>,
    ) -> Self {
        let [federation, hospital, patient] = [free_port(), free_port(), free_port()];
        let endpoint = format!("https://127.0.0.1:{federation}");
        let (hospital, patient) = (
            format!("127.0.0.1:{hospital}"),
            format!("127.0.0.1:{patient}"),
        );
        let mut words = vec![
            "init",
            "--dir",
            text(folder),
            "--member",
            number,
            "--name",
            name,
            "--region",
            "札幌",
            "--registry",
            registry,
            "--root-sha256",
            pin,
            "--endpoint",
            &endpoint,
            "--hospital-bind",
            &hospital,
            "--patient-bind",
            &patient,
            "--allow-cidr",
            "127.0.0.0/8",
        ];
        if let Some(database) = &database {
            words.extend(["--database", &database.url]);
        }
        node_command(&words);
        let made = Self {
            name: name.to_owned(),
            id: format!("urn:musubi:member:{number}").parse().unwrap(),
            folder: folder.to_owned(),
            node: None,
            _database: database,
        };
        // A test's clients keep their connections: nobody is waited for.
        made.set("shutdown", "timeout = \"1s\"");
        made
    }

    /// The hospital whose node stands in `folder` already.
    pub(crate) fn made(name: &str, number: &str, folder: &Path, database: Option<Scratch>) -> Self {
        let made = Self {
            name: name.to_owned(),
            id: format!("urn:musubi:member:{number}").parse().unwrap(),
            folder: folder.to_owned(),
            node: None,
            _database: database,
        };
        made.set("shutdown", "timeout = \"1s\"");
        made
    }

    pub(crate) fn describe(&self, out: &Path) {
        let config = self.config_file();
        node_command(&["describe", "--config", text(&config), "--out", text(out)]);
    }

    /// Starts the node.
    pub async fn start(&mut self, clock: SharedClock) {
        let rooms = Rooms::open(self.config(), clock).unwrap();
        self.node = Some(Node::start(rooms).await.unwrap());
    }

    /// Stops the node and waits until it has ended.
    pub async fn stop(&mut self) {
        if let Some(node) = self.node.take() {
            node.stop().await;
        }
    }

    /// Writes settings into a table of the file; they hold from the next start on.
    pub fn set(&self, table: &str, settings: &str) {
        let file = self.config_file();
        let text = std::fs::read_to_string(&file).unwrap();
        let mut config: toml::Table = toml::from_str(&text).unwrap();
        let settings: toml::Table = toml::from_str(settings).unwrap();
        let table = config
            .entry(table)
            .or_insert_with(|| toml::Table::new().into());
        table.as_table_mut().unwrap().extend(settings);
        std::fs::write(&file, toml::to_string(&config).unwrap()).unwrap();
    }

    /// Every line of its audit, oldest first.
    pub async fn audit(&self) -> Vec<Recorded> {
        self.rooms().audit.list(Filter::default()).await.unwrap()
    }

    /// Another connection to its database, as another process would have one.
    #[must_use]
    pub fn other_connection(&self) -> OtherConnection {
        OtherConnection::open(self.config().database.as_str())
    }

    /// The settings file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.folder.join("node.toml")
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> Config {
        Config::load(&self.config_file()).unwrap()
    }

    /// Its member id.
    #[must_use]
    pub fn id(&self) -> &MemberId {
        &self.id
    }

    /// Its short name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node, while it runs.
    #[must_use]
    pub fn running(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// The node, which runs.
    #[must_use]
    pub fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    /// The rooms of the running node.
    #[must_use]
    pub fn rooms(&self) -> &Rooms {
        self.node().rooms()
    }

    /// Somebody with this hospital's keys and certificate, who sends whatever a test wants.
    #[must_use]
    pub fn envoy(&self) -> Envoy {
        Envoy::of(self)
    }

    /// A bearer token for a member of staff or a system.
    pub async fn token(&self, role: Role, id: &str) -> String {
        let rooms = self.rooms();
        let until = rooms.clock.now().plus_seconds(A_MONTH_SECONDS);
        let made = rooms
            .identity
            .create(role, Some(id.to_owned()), until)
            .await
            .unwrap();
        made.1.reveal().to_owned()
    }

    /// The address of the hospital listener, `http://host:port`.
    #[must_use]
    pub fn staff_url(&self) -> String {
        format!("http://{}", self.config().hospital.bind)
    }

    /// The address of the federation listener, `https://host:port`.
    #[must_use]
    pub fn peer_url(&self) -> String {
        format!("https://{}", self.config().federation.bind)
    }

    /// The rooms of a node that does not run here: as a command beside a running process, or after
    /// its end, has them.
    #[must_use]
    pub fn rooms_beside(&self, clock: SharedClock) -> Rooms {
        Rooms::open(self.config(), clock).unwrap()
    }

    /// Puts resources under their own ids, through the hospital listener.
    pub async fn load(&self, resources: &[Value]) {
        let token = self.token(Role::System, "loader").await;
        let reply = reqwest::Client::new()
            .post(format!("{}/fhir", self.staff_url()))
            .bearer_auth(token)
            .header("content-type", "application/fhir+json")
            .body(charts::bundle(resources).to_string())
            .send()
            .await
            .unwrap();
        let status = reply.status();
        assert!(
            status.is_success(),
            "{status}: {}",
            reply.text().await.unwrap()
        );
    }

    /// Writes a local directive (留保) about a chart here.
    pub async fn reserve(&self, patient: &str, root: Provision) {
        let consents = &self.rooms().consents;
        let subject = Subject::Patient(self.chart(patient).await);
        let patient = format!("Patient/{patient}");
        let draft = consents.draft(
            ConsentKind::Dissent,
            &patient,
            root,
            Vec::new(),
            &ToString::to_string,
        );
        consents.give(subject, draft).await.unwrap();
    }

    /// `GET` on the hospital listener with a token.
    pub async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let reply = reqwest::Client::new()
            .get(format!("{}{path}", self.staff_url()))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        let status = reply.status().as_u16();
        (status, reply.json().await.unwrap_or(Value::Null))
    }

    /// `POST` on the hospital listener with a token.
    pub async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let reply = reqwest::Client::new()
            .post(format!("{}{path}", self.staff_url()))
            .bearer_auth(token)
            .json(body)
            .send()
            .await
            .unwrap();
        let status = reply.status().as_u16();
        (status, reply.json().await.unwrap_or(Value::Null))
    }

    /// `GET` on the hospital listener, the body as text.
    pub async fn get_raw(&self, path: &str, token: &str) -> (u16, String) {
        let reply = reqwest::Client::new()
            .get(format!("{}{path}", self.staff_url()))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    }

    /// `POST` of a FHIR document as it is.
    pub async fn post_raw(&self, path: &str, token: &str, body: &str) -> (u16, Value) {
        let reply = reqwest::Client::new()
            .post(format!("{}{path}", self.staff_url()))
            .bearer_auth(token)
            .header("content-type", "application/fhir+json")
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        let status = reply.status().as_u16();
        (status, reply.json().await.unwrap_or(Value::Null))
    }

    /// The row of a chart here.
    pub async fn chart(&self, patient: &str) -> musubi_node::database::Rid {
        let address = Address::parse(&format!("Patient/{patient}")).unwrap();
        self.rooms()
            .records
            .chart_of(&address)
            .await
            .unwrap()
            .unwrap()
    }

    /// Redeems a code here as `practitioner`; status and reply.
    pub async fn redeem(
        &self,
        home: &Hospital,
        code: &str,
        practitioner: &str,
        categories: &[&str],
    ) -> (u16, Value) {
        let token = self.token(Role::Physician, practitioner).await;
        let body = json!({
            "home": home.id().as_str(),
            "code": code,
            "purpose": "TREAT",
            "practitioner": { "id": practitioner, "role": "physician" },
            "categories": categories,
        });
        self.post("/api/v1/grants", &token, &body).await
    }

    /// Asks under a grant as `practitioner`: `Observation?…`; status and the merged searchset.
    pub async fn ask(&self, grant: &str, practitioner: &str, question: &str) -> (u16, Value) {
        let token = self.token(Role::Physician, practitioner).await;
        self.get(&format!("/federated/{grant}/fhir/{question}"), &token)
            .await
    }
}

impl Town {
    /// Enrols the person of chart `patient` at `home`, and links the charts of the same id at
    /// `linked` hospitals.
    pub async fn person(&self, patient: &str, home: &str, linked: &[&str]) -> Patient {
        let charts: Vec<_> = linked.iter().map(|name| (*name, patient)).collect();
        self.enrol((home, patient), &charts).await
    }

    /// Enrols the person of a chart (hospital, Patient id) at that hospital, and links charts that
    /// have ids of their own.
    pub async fn enrol(&self, home: (&str, &str), linked: &[(&str, &str)]) -> Patient {
        let (home, patient) = home;
        let at_home = self.at(home);
        let chart = at_home.chart(patient).await;
        let linkage = &at_home.rooms().linkage;
        let mut phone = linkage.enroll(chart, patient).await.unwrap();
        for (name, patient) in linked {
            let hospital = self.at(name);
            let chart = hospital.chart(patient).await;
            let rooms = hospital.rooms();
            rooms
                .linkage
                .link_at_counter(
                    chart,
                    patient,
                    at_home.id(),
                    &mut phone,
                    &*rooms.keys.sign(),
                )
                .await
                .unwrap();
        }
        let membership = at_home
            .node()
            .federation()
            .directory()
            .membership()
            .unwrap();
        linkage.accept(&phone, &membership).await.unwrap();
        let file = self.folder().join(format!("{patient}.phone.json"));
        phone.save(&file).unwrap();
        Patient {
            person: phone.person().to_string(),
            phone: file,
            home: home.to_owned(),
        }
    }

    /// The person decides on their phone: `requester` may see these kinds of data, Normal ones,
    /// from every linked hospital, for an hour. The code to show.
    pub async fn code(&self, patient: &Patient, requester: &str, categories: &str) -> String {
        let mut decision = self.decision(patient, requester, categories).await;
        decision.practitioner = (requester == patient.home).then(|| Practitioner {
            id: "dr-1".to_owned(),
            role: "physician".to_owned(),
        });
        self.code_for(patient, decision).await
    }

    /// What [`Town::code`] decides, to be changed by a test.
    pub async fn decision(&self, patient: &Patient, requester: &str, categories: &str) -> Decision {
        let rooms = self.at(&patient.home).rooms();
        let id = patient.person.parse().unwrap();
        let person = rooms.linkage.person(&id).await.unwrap();
        let links = rooms.linkage.home_links(&id).await.unwrap();
        let words = categories.split_whitespace();
        Decision {
            person: id,
            patient: format!("Patient/{}", person.patient_id),
            requester: self.at(requester).id().clone(),
            practitioner: None,
            purpose: Purpose::Treat,
            categories: words.map(|word| word.parse().unwrap()).collect::<Scope>(),
            labels: LabelTerms {
                normal: true,
                ..LabelTerms::default()
            },
            ends_at: self.now().plus_seconds(3_600),
            responders: links
                .into_iter()
                .map(|link| TickedResponder {
                    responder: link.responder,
                    evidence: None,
                })
                .collect(),
        }
    }

    /// A code of any decision; the phone signs what has to be signed.
    pub async fn code_for(&self, patient: &Patient, mut decision: Decision) -> String {
        let home = self.at(&patient.home);
        let rooms = home.rooms();
        let membership = home.node().federation().directory().membership().unwrap();
        let links = rooms.linkage.home_links(&decision.person).await.unwrap();
        let phone = Phone::open(&patient.phone).unwrap();
        let needed = rooms
            .consents
            .evidence_needed(&decision, &links, &membership)
            .await
            .unwrap();
        for evidence in needed {
            let signature = phone.sign(&evidence.responder, &evidence.message).unwrap();
            for ticked in &mut decision.responders {
                if ticked.responder == evidence.responder {
                    ticked.evidence = Some(Evidence {
                        scope: evidence.scope,
                        until: evidence.until,
                        signature,
                    });
                }
            }
        }
        let code = rooms
            .consents
            .create_code(decision, links, membership)
            .await
            .unwrap();
        code.spoken()
    }

    /// The tokens that `requester` holds for `dr-1` after redeeming a code, by the short name of
    /// the hospital that each is for.
    pub async fn tokens(
        &self,
        patient: &Patient,
        requester: &str,
        categories: &str,
    ) -> BTreeMap<String, String> {
        let code = self.code(patient, requester, categories).await;
        let envoy = self.at(requester).envoy();
        let home = self.at(&patient.home);
        let reply = envoy.redeem(home, &code, categories, self.now()).await;
        let name = |id: &MemberId| {
            let one = self.hospitals.values().find(|one| one.id() == id);
            one.unwrap().name().to_owned()
        };
        let tokens = reply.tokens.into_iter();
        tokens
            .map(|one| (name(&one.responder), one.token))
            .collect()
    }

    /// A grant held at `requester` by `dr-1`, over every hospital that the person linked.
    pub async fn grant(&self, patient: &Patient, requester: &str, categories: &str) -> String {
        let code = self.code(patient, requester, categories).await;
        let words: Vec<&str> = categories.split_whitespace().collect();
        let home = self.at(&patient.home);
        let (status, granted) = self.at(requester).redeem(home, &code, "dr-1", &words).await;
        assert_eq!(status, 201, "{granted}");
        granted["grant"].as_str().unwrap().to_owned()
    }

    /// The token for `responder` under a grant that `requester` holds.
    pub async fn token_of(&self, grant: &str, requester: &str, responder: &str) -> String {
        let held = self.at(requester).node().federation().asking().held();
        let (_, tokens) = held.of(grant, "dr-1", self.now()).await.unwrap().unwrap();
        let of = tokens
            .into_iter()
            .find(|token| token.responder == *self.at(responder).id());
        of.unwrap().token
    }
}
