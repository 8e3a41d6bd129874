//! A few hospitals in one process, over real mutual TLS on loopback.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use federation_protocol::category::Scope;
use federation_protocol::consent::{
    ConsentKind, LabelTerms, Practitioner, Provision, ProvisionType,
};
use federation_protocol::directory::{KeyStatement, Profile, StatusDocument};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::sample::{NOW, SampleRegistry, profile};
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, ManualClock, SharedClock};
use federation_service::tls::{Shown, TlsIdentity, federation_acceptor, remember_peer};
use prometheus_client::registry::Registry;

use crate::access::{Access, Act, HousePolicy};
use crate::audit::{Audit, Filter, Recorded};
use crate::config::{Config, SessionSettings};
use crate::consent::{Consents, Decision, Evidence, Subject, TickedResponder};
use crate::database::testing::{Scratch, postgres, sqlite};
use crate::database::{Database, Rid};
use crate::emergency::Emergency;
use crate::federation::{Federation, FederationParts, configure_federation, configure_hospital};
use crate::identity::routes::staff_door;
use crate::identity::{Caller, Identity, IdentityParts, Role};
use crate::keys::{Keys, NodePublicKey};
use crate::linkage::Linkage;
use crate::linkage::phone::Phone;
use crate::records::{Address, LogicalId, Records, ResourceType, Validator};

const YEAR: i64 = 365 * 86_400;

pub(super) struct Hospital {
    pub(super) me: MemberId,
    pub(super) keys: Arc<Keys>,
    pub(super) identity: TlsIdentity,
    pub(super) federation: Data<Federation>,
    pub(super) consents: Consents,
    pub(super) linkage: Linkage,
    pub(super) records: Records,
    pub(super) access: Access,
    pub(super) audit: Audit,
    pub(super) scratch: Scratch,
    pub(super) ground: Ground,
    _folder: tempfile::TempDir,
    pub(super) hospital_address: SocketAddr,
    pub(super) physician: String,
    handles: Vec<ServerHandle>,
}

pub(super) struct Town {
    pub(super) clock: Arc<ManualClock>,
    pub(super) hospitals: Vec<Hospital>,
}

/// A hospital before the directory is known.
struct Foundation {
    me: MemberId,
    folder: tempfile::TempDir,
    keys: Arc<Keys>,
    identity: TlsIdentity,
    socket: TcpListener,
    endpoint: String,
}

/// What a federation room is opened on: twice, for a second process on the same database.
pub(super) struct Ground {
    me: MemberId,
    documents: std::path::PathBuf,
    config: Config,
    clock: SharedClock,
    keys: Arc<Keys>,
    audit: Audit,
    consents: Consents,
    access: Access,
    records: Records,
}

impl Ground {
    pub(super) async fn open(&self, database: Database) -> Federation {
        let tls = &self.config.federation.tls;
        Federation::open(FederationParts {
            me: self.me.clone(),
            directory_folder: &self.documents,
            settings: &self.config.federation,
            registry: &self.config.registry,
            witnessing: &self.config.audit,
            shown: Shown::new(Arc::new(
                TlsIdentity::from_pem_files(&tls.certificate, &tls.key).unwrap(),
            )),
            clock: Arc::clone(&self.clock),
            keys: Arc::clone(&self.keys),
            emergency: Emergency::new(
                database.clone(),
                Arc::clone(&self.clock),
                Arc::clone(&self.keys),
                self.me.clone(),
            ),
            answers_emergencies: true,
            database,
            audit: self.audit.clone(),
            house: HousePolicy::default(),
            consents: self.consents.clone(),
            access: self.access.clone(),
            records: self.records.clone(),
            metrics: &mut Registry::default(),
        })
        .await
        .unwrap()
    }
}

impl Foundation {
    fn lay(code: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keys::create(&folder.path().join("keys")).unwrap());
        let from = Timestamp::from_unix_seconds(1_700_000_000);
        let identity =
            TlsIdentity::generate("127.0.0.1", from, from.plus_seconds(40 * YEAR)).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("https://{}", socket.local_addr().unwrap());
        let me = MemberId::from_code(code).unwrap();
        Self {
            me,
            folder,
            keys,
            identity,
            socket,
            endpoint,
        }
    }

    fn profile(&self) -> Profile {
        let (from, until) = (NOW.plus_seconds(-YEAR), NOW.plus_seconds(YEAR));
        let statements = self
            .keys
            .public_keys()
            .iter()
            .map(|key| match key {
                NodePublicKey::Signing(key_use, key) => {
                    KeyStatement::of(*key_use, key, from, until)
                }
                NodePublicKey::Seal(key) => KeyStatement::of_seal(key, from, until),
            })
            .collect();
        profile(
            &self.me,
            &self.endpoint,
            statements,
            &self.identity.certificate_der().unwrap(),
        )
    }

    async fn build(
        self,
        scratch: Scratch,
        registry: &SampleRegistry,
        clock: &Arc<ManualClock>,
    ) -> Hospital {
        let clock: SharedClock = Arc::clone(clock) as SharedClock;
        let config = config(&self);
        let documents = self.folder.path().join("directory");
        write_documents(&documents, registry, |_| ());
        let audit = Audit::new(scratch.database.clone());
        let access = Access::new(audit.clone(), Arc::clone(&clock));
        let database = scratch.database.clone();
        let records = Records::open(
            database.clone(),
            Arc::clone(&clock),
            &self.me,
            Validator::off(),
        )
        .unwrap();
        let consents = Consents::new(
            database.clone(),
            Arc::clone(&clock),
            Arc::clone(&self.keys),
            self.me.clone(),
            &self.endpoint,
        );
        let linkage = Linkage::new(database.clone(), Arc::clone(&clock), self.me.clone());
        let ground = Ground {
            me: self.me.clone(),
            documents,
            config,
            clock: Arc::clone(&clock),
            keys: Arc::clone(&self.keys),
            audit: audit.clone(),
            consents: consents.clone(),
            access: access.clone(),
            records: records.clone(),
        };
        let federation = ground.open(database.clone()).await;
        let federation = Data::new(federation);
        let identity = door_keeper(database, Arc::clone(&clock), Arc::clone(&self.keys));
        let physician = physician(&identity, "dr-0042").await;
        let hospital_socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let hospital_address = hospital_socket.local_addr().unwrap();
        let handles = vec![
            listen_to_peers(self.socket, &self.identity, federation.clone()),
            listen_to_staff(hospital_socket, federation.clone(), Data::new(identity)),
        ];
        Hospital {
            me: self.me,
            keys: self.keys,
            identity: self.identity,
            federation,
            consents,
            linkage,
            records,
            access,
            audit,
            scratch,
            ground,
            _folder: self.folder,
            hospital_address,
            physician,
            handles,
        }
    }
}

/// Who lets callers in, over the house's database.
fn door_keeper(database: Database, clock: SharedClock, keys: Arc<Keys>) -> Identity {
    Identity::open(IdentityParts {
        database,
        clock,
        keys,
        sessions: SessionSettings::default(),
        organization: "みなと病院".into(),
        oidc: None,
    })
    .unwrap()
}

impl Hospital {
    /// Who lets callers in here, by the house's own clock.
    pub(super) fn identity(&self) -> Identity {
        let database = self.scratch.database.clone();
        door_keeper(database, self.clock(), Arc::clone(&self.keys))
    }
}

async fn physician(identity: &Identity, id: &str) -> String {
    let until = NOW.plus_seconds(10 * 86_400);
    let (_, token) = identity
        .create(Role::Physician, Some(id.into()), until)
        .await
        .unwrap();
    token.reveal().to_owned()
}

fn config(foundation: &Foundation) -> Config {
    let folder = foundation.folder.path();
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    foundation.identity.write_pem(&certificate, &key).unwrap();
    let text = format!(
        "[organization]\ncode = \"{}\"\nname = \"x\"\n[registry]\nurl = \"https://127.0.0.1:1\"\n\
         root_sha256 = \"{}\"\n[federation]\nbind = \"127.0.0.1:0\"\nendpoint = \"{}\"\n\
         allow_cidrs = [\"127.0.0.0/8\"]\npeer_timeout = \"2s\"\nquery_timeout = \"3s\"\n\
         tls_certificate_file = \"tls.crt\"\ntls_key_file = \"tls.key\"\n",
        foundation.me.code(),
        pin(),
        foundation.endpoint
    );
    let file = folder.join("node.toml");
    std::fs::write(&file, text).unwrap();
    Config::load_with(&file, std::collections::BTreeMap::new()).unwrap()
}

fn pin() -> String {
    let root = SampleRegistry::of([]).root_signed();
    root.hash.to_string()
}

/// What a poll would have put there.
pub(super) fn write_documents(
    folder: &std::path::Path,
    registry: &SampleRegistry,
    change: impl FnOnce(&mut StatusDocument),
) {
    std::fs::create_dir_all(folder).unwrap();
    let directory = registry.directory_document().sign(&registry.directory);
    let mut status = registry.status_document(&directory, 1);
    change(&mut status);
    let status = status.sign(&registry.status);
    std::fs::write(folder.join("pinned-root.jws"), registry.root_signed().jws).unwrap();
    std::fs::write(folder.join("directory.jws"), directory.jws).unwrap();
    std::fs::write(folder.join("status.jws"), status.jws).unwrap();
}

fn listen_to_peers(
    socket: TcpListener,
    identity: &TlsIdentity,
    federation: Data<Federation>,
) -> ServerHandle {
    let acceptor = federation_acceptor(identity).unwrap();
    run(move || {
        HttpServer::new(move || {
            App::new()
                .app_data(federation.clone())
                .configure(configure_federation)
        })
        .workers(1)
        .disable_signals()
        .on_connect(remember_peer)
        .shutdown_timeout(1)
        .listen_openssl(socket, acceptor)
        .unwrap()
        .run()
    })
}

fn listen_to_staff(
    socket: TcpListener,
    federation: Data<Federation>,
    identity: Data<Identity>,
) -> ServerHandle {
    run(move || {
        HttpServer::new(move || {
            App::new()
                .app_data(federation.clone())
                .app_data(identity.clone())
                .wrap(from_fn(staff_door))
                .configure(configure_hospital)
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(socket)
        .unwrap()
        .run()
    })
}

fn run(server: impl FnOnce() -> actix_web::dev::Server + Send + 'static) -> ServerHandle {
    let (told, tell) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = server();
            told.send(server.handle()).unwrap();
            server.await.unwrap();
        });
    });
    tell.recv().unwrap()
}

impl Hospital {
    pub(super) fn clock(&self) -> SharedClock {
        Arc::clone(&self.ground.clock)
    }

    pub(super) async fn stop(&self) {
        for handle in &self.handles {
            handle.stop(false).await;
        }
    }

    /// Stores resources as the hospital's own system; the ids stay.
    pub(super) async fn charts(&self, resources: &[&str]) {
        let caller = Caller::staff(Role::System, Some("his".into())).unwrap();
        let permit = self.access.permit(&caller, Act::Transaction).await.unwrap();
        for raw in resources {
            let value: serde_json::Value = serde_json::from_str(raw).unwrap();
            let address = Address {
                kind: ResourceType::named(value["resourceType"].as_str().unwrap()).unwrap(),
                id: LogicalId::parse(value["id"].as_str().unwrap()).unwrap(),
            };
            self.records
                .update(&permit, &address, raw.as_bytes(), None)
                .await
                .unwrap();
        }
    }

    /// A local directive of the patient: nothing leaves (留保).
    pub(super) async fn reserves_everything(&self) {
        self.reserves(Provision::any(ProvisionType::Deny)).await;
    }

    /// A local directive of the patient.
    pub(super) async fn reserves(&self, root: Provision) {
        let name = |member: &MemberId| member.to_string();
        let draft = self
            .consents
            .draft(ConsentKind::Dissent, "Patient/p", root, Vec::new(), &name);
        let subject = Subject::Patient(self.chart("p").await);
        self.consents.give(subject, draft).await.unwrap();
    }

    pub(super) async fn chart(&self, patient: &str) -> Rid {
        let address = Address {
            kind: ResourceType::named("Patient").unwrap(),
            id: LogicalId::parse(patient).unwrap(),
        };
        self.records.chart_of(&address).await.unwrap().unwrap()
    }

    pub(super) async fn lines(&self, kind: crate::audit::Kind) -> Vec<Recorded> {
        self.audit
            .list(Filter {
                kind: Some(kind),
                ..Filter::default()
            })
            .await
            .unwrap()
    }
}

impl Town {
    /// So many hospitals, 0110000001 and so on.
    pub(super) async fn of(count: u32) -> Self {
        Self::on(count, || Some(sqlite())).await.unwrap()
    }

    /// The same on each database that there is.
    pub(super) async fn on_each(count: u32, test: impl AsyncFn(Self)) {
        test(Self::of(count).await).await;
        if let Some(town) = Self::on(count, postgres).await {
            test(town).await;
        }
    }

    async fn on(count: u32, make: fn() -> Option<Scratch>) -> Option<Self> {
        let clock = ManualClock::at(NOW);
        let foundations: Vec<Foundation> = (1..=count)
            .map(|number| Foundation::lay(&format!("011000000{number}")))
            .collect();
        let registry = SampleRegistry::of(foundations.iter().map(Foundation::profile));
        let mut hospitals = Vec::new();
        for foundation in foundations {
            hospitals.push(foundation.build(make()?, &registry, &clock).await);
        }
        Some(Self { clock, hospitals })
    }

    /// A person at home in the first hospital, charted as `Patient/p` everywhere, linked with all
    /// the others.
    pub(super) async fn person(&self) -> Phone {
        for hospital in &self.hospitals {
            hospital
                .charts(&[r#"{"resourceType":"Patient","id":"p"}"#])
                .await;
        }
        let home = &self.hospitals[0];
        let mut phone = home
            .linkage
            .enroll(home.chart("p").await, "p")
            .await
            .unwrap();
        for hospital in &self.hospitals[1..] {
            let chart = hospital.chart("p").await;
            hospital
                .linkage
                .link_at_counter(chart, "p", &home.me, &mut phone, &*hospital.keys.sign())
                .await
                .unwrap();
        }
        let membership = home.federation.directory().membership().unwrap();
        home.linkage.accept(&phone, &membership).await.unwrap();
        phone
    }

    /// What time it is.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A visit code of the person for `requester`, from the hospitals `from`.
    pub(super) async fn code(
        &self,
        phone: &Phone,
        requester: usize,
        categories: Scope,
        from: &[usize],
    ) -> String {
        self.make_code(phone, self.decision(phone, requester, categories, from))
            .await
    }

    /// The same, for what is marked so.
    pub(super) async fn code_for(
        &self,
        phone: &Phone,
        (requester, from): (usize, &[usize]),
        categories: Scope,
        labels: LabelTerms,
    ) -> String {
        let mut decision = self.decision(phone, requester, categories, from);
        decision.labels = labels;
        self.make_code(phone, decision).await
    }

    /// The same with the phone's signature, for a requester that could mint for itself.
    pub(super) async fn signed_code(
        &self,
        phone: &Phone,
        requester: usize,
        categories: Scope,
        from: &[usize],
    ) -> String {
        let home = &self.hospitals[0];
        let mut decision = self.decision(phone, requester, categories, from);
        let links = home.linkage.home_links(phone.person()).await.unwrap();
        let membership = home.federation.directory().membership().unwrap();
        let needed = home
            .consents
            .evidence_needed(&decision, &links, &membership)
            .await
            .unwrap();
        for needed in needed {
            let signature = phone.sign(&needed.responder, &needed.message).unwrap();
            let mut ticked = decision.responders.iter_mut();
            let ticked = ticked
                .find(|one| one.responder == needed.responder)
                .unwrap();
            ticked.evidence = Some(Evidence {
                scope: needed.scope,
                until: needed.until,
                signature,
            });
        }
        self.make_code(phone, decision).await
    }

    async fn make_code(&self, phone: &Phone, decision: Decision) -> String {
        let home = &self.hospitals[0];
        let links = home.linkage.home_links(phone.person()).await.unwrap();
        let membership = home.federation.directory().membership().unwrap();
        let code = home
            .consents
            .create_code(decision, links, membership)
            .await
            .unwrap();
        code.spoken()
    }

    fn decision(
        &self,
        phone: &Phone,
        requester: usize,
        categories: Scope,
        from: &[usize],
    ) -> Decision {
        Decision {
            person: phone.person().clone(),
            patient: "Patient/p".into(),
            requester: self.hospitals[requester].me.clone(),
            practitioner: Some(Practitioner {
                id: "dr-0042".into(),
                role: "physician".into(),
            }),
            purpose: Purpose::Treat,
            categories,
            labels: LabelTerms {
                normal: true,
                ..LabelTerms::default()
            },
            ends_at: NOW.plus_seconds(86_400),
            responders: from
                .iter()
                .map(|index| TickedResponder {
                    responder: self.hospitals[*index].me.clone(),
                    evidence: None,
                })
                .collect(),
        }
    }
}
