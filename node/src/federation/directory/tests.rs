#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::net::TcpListener;

use actix_web::dev::ServerHandle;
use actix_web::web::{Data, Path as UrlPath};
use actix_web::{App, HttpResponse, HttpServer, web};
use federation_protocol::directory::{Certificate, DirectoryDocument, SignedDocument};
use federation_protocol::sample::{NOW, SampleMember, SampleRegistry};
use federation_service::clock::ManualClock;
use federation_service::tls::{TlsIdentity, server_acceptor};
use prometheus_client::registry::Registry;

use super::poll::PollError;
use super::*;
use crate::audit::Filter;
use crate::database::testing::{Scratch, sqlite};

#[derive(Default)]
struct Documents {
    root: String,
    directories: BTreeMap<u64, String>,
    status: String,
}

type Shelf = Arc<Mutex<Documents>>;

fn body(text: Option<String>) -> HttpResponse {
    text.map_or_else(
        || HttpResponse::NotFound().finish(),
        |text| HttpResponse::Ok().body(text),
    )
}

async fn root(shelf: Data<Shelf>) -> HttpResponse {
    body(Some(lock(&shelf).root.clone()))
}

async fn status(shelf: Data<Shelf>) -> HttpResponse {
    body(Some(lock(&shelf).status.clone()))
}

async fn newest(shelf: Data<Shelf>) -> HttpResponse {
    body(lock(&shelf).directories.values().last().cloned())
}

async fn numbered(shelf: Data<Shelf>, seq: UrlPath<u64>) -> HttpResponse {
    body(lock(&shelf).directories.get(&seq).cloned())
}

/// A registry on loopback that says whatever the test puts on its shelf.
struct Office {
    registry: SampleRegistry,
    shelf: Shelf,
    address: String,
    pin: [u8; 32],
    handle: ServerHandle,
    newest: (DirectoryDocument, SignedDocument),
    status_seq: u64,
}

impl Drop for Office {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

impl Office {
    fn open() -> Self {
        let year = 365 * 86_400;
        let from = Timestamp::from_unix_seconds(1_700_000_000);
        let identity =
            TlsIdentity::generate("127.0.0.1", from, from.plus_seconds(40 * year)).unwrap();
        let registry = SampleRegistry::of([SampleMember::new("0110000001", 1).profile()]);
        let shelf = Shelf::default();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://{}", socket.local_addr().unwrap());
        let (told, tell) = std::sync::mpsc::channel();
        let (served, acceptor) = (
            Data::new(Arc::clone(&shelf)),
            server_acceptor(&identity).unwrap(),
        );
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(served.clone())
                        .route("/v1/root", web::get().to(root))
                        .route("/v1/status", web::get().to(status))
                        .route("/v1/directory", web::get().to(newest))
                        .route("/v1/directory/{seq}", web::get().to(numbered))
                })
                .workers(1)
                .disable_signals()
                .listen_openssl(socket, acceptor)
                .unwrap()
                .run();
                told.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        let handle = tell.recv().unwrap();
        let mut document = registry.root_document();
        let certificate = identity.certificate_der().unwrap();
        document.registry.certificates = vec![Certificate::from_der(certificate)];
        let root = document.sign(&[&registry.root]);
        lock(&shelf).root.clone_from(&root.jws);
        let first = registry.directory_document();
        let signed = first.sign(&registry.directory);
        let mut office = Self {
            registry,
            shelf,
            address,
            pin: *root.hash.bytes(),
            handle,
            newest: (first, signed.clone()),
            status_seq: 0,
        };
        lock(&office.shelf).directories.insert(1, signed.jws);
        office.publish_status();
        office
    }

    /// The next directory, and a status that names it.
    fn publish_directory(&mut self) {
        let (mut document, before) = self.newest.clone();
        document.seq += 1;
        document.prev = Some(before.hash);
        let signed = document.sign(&self.registry.directory);
        lock(&self.shelf)
            .directories
            .insert(document.seq, signed.jws.clone());
        self.newest = (document, signed);
        self.publish_status();
    }

    fn publish_status(&mut self) {
        self.status_seq += 1;
        self.say_status(self.status_seq, |_| ());
    }

    fn say_status(
        &self,
        seq: u64,
        change: impl FnOnce(&mut federation_protocol::directory::StatusDocument),
    ) {
        let mut status = self
            .registry
            .status_document(&self.newest.1, self.newest.0.seq);
        status.seq = seq;
        change(&mut status);
        lock(&self.shelf).status = status.sign(&self.registry.status).jws;
    }
}

struct Node {
    directory: MemberDirectory,
    audit: Audit,
    _scratch: Scratch,
    folder: tempfile::TempDir,
    counters: Registry,
}

fn settings<'a>(
    folder: &'a Path,
    office: &Office,
    audit: Audit,
    counters: &mut Registry,
) -> DirectorySettings<'a> {
    DirectorySettings {
        folder,
        registry: office.address.clone(),
        root_sha256: office.pin,
        rules: OutboundRules::new(["127.0.0.0/8".parse().unwrap()]),
        clock: ManualClock::at(NOW),
        audit,
        metrics: FederationMetrics::register(counters),
    }
}

impl Node {
    fn beside(office: &Office) -> Self {
        let (scratch, folder) = (sqlite(), tempfile::tempdir().unwrap());
        let audit = Audit::new(scratch.database.clone());
        let mut counters = Registry::default();
        let settings = settings(folder.path(), office, audit.clone(), &mut counters);
        let directory = MemberDirectory::open(settings).unwrap();
        Self {
            directory,
            audit,
            _scratch: scratch,
            folder,
            counters,
        }
    }

    fn position(&self) -> (u64, u64) {
        let position = self.directory.position();
        (position.seq, position.status)
    }

    async fn alarms(&self) -> Vec<String> {
        let filter = Filter {
            kind: Some(Kind::Directory),
            ..Filter::default()
        };
        let lines = self.audit.list(filter).await.unwrap();
        lines.into_iter().map(|line| line.outcome).collect()
    }
}

#[actix_web::test]
async fn a_node_accepts_what_the_pinned_root_delegates_and_starts_from_disk_again() {
    let office = Office::open();
    let node = Node::beside(&office);
    assert!(node.directory.membership().is_none());
    node.directory.poll().await.unwrap();
    assert_eq!(node.position(), (1, 1));

    let mut counters = Registry::default();
    let mut offline = settings(
        node.folder.path(),
        &office,
        node.audit.clone(),
        &mut counters,
    );
    offline.registry = "https://127.0.0.1:1".into();
    let again = MemberDirectory::open(offline).unwrap();
    assert_eq!(again.position(), node.directory.position());
    assert!(matches!(again.poll().await, Err(PollError::Failure(_))));
    assert!(again.membership().is_some());
}

#[actix_web::test]
async fn a_gap_is_filled_one_by_one() {
    let mut office = Office::open();
    let node = Node::beside(&office);
    node.directory.poll().await.unwrap();
    for _ in 0..3 {
        office.publish_directory();
    }
    node.directory.poll().await.unwrap();
    assert_eq!(node.position(), (4, 4));
    for seq in 1..=4 {
        let kept = node
            .folder
            .path()
            .join("archive")
            .join(format!("directory-{seq}.jws"));
        assert!(kept.exists(), "{seq}");
    }
}

#[actix_web::test]
async fn a_node_that_was_away_for_very_long_catches_up_over_several_looks() {
    let mut office = Office::open();
    let node = Node::beside(&office);
    node.directory.poll().await.unwrap();
    for _ in 0..450 {
        office.publish_directory();
    }
    node.directory.poll().await.unwrap();
    assert_eq!(node.position().0, 401);
    node.directory.poll().await.unwrap();
    assert_eq!(node.position().0, 451);
    assert_eq!(node.alarms().await, [""; 0]);
}

#[actix_web::test]
async fn an_older_status_is_an_alarm_and_changes_nothing() {
    let mut office = Office::open();
    office.publish_status();
    let node = Node::beside(&office);
    node.directory.poll().await.unwrap();
    assert_eq!(node.position(), (1, 2));
    office.say_status(1, |_| ());
    for _ in 0..2 {
        let refused = node.directory.poll().await;
        assert!(matches!(
            refused,
            Err(PollError::Refused {
                error: AcceptError::Rollback { .. },
                ..
            })
        ));
    }
    assert_eq!(node.position(), (1, 2));
    assert_eq!(
        node.alarms().await,
        ["rollback"],
        "told once, not at every poll"
    );
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &node.counters).unwrap();
    assert!(
        text.contains("musubi_directory_alarms_total{alarm=\"rollback\"} 1"),
        "{text}"
    );
}

#[actix_web::test]
async fn two_truths_under_one_number_are_an_alarm() {
    let office = Office::open();
    let node = Node::beside(&office);
    node.directory.poll().await.unwrap();
    office.say_status(1, |status| {
        status.suspended = vec!["urn:musubi:member:0110000001".parse().unwrap()];
    });
    assert!(node.directory.poll().await.is_err());
    assert_eq!(node.alarms().await, ["split_view"]);
    let membership = node.directory.membership().unwrap();
    assert!(membership.status().document().suspended.is_empty());
}

#[actix_web::test]
async fn another_root_than_the_pinned_one_is_never_used() {
    let office = Office::open();
    let (scratch, folder) = (sqlite(), tempfile::tempdir().unwrap());
    let audit = Audit::new(scratch.database.clone());
    let mut counters = Registry::default();
    let mut settings = settings(folder.path(), &office, audit, &mut counters);
    settings.root_sha256 = [7; 32];
    let directory = MemberDirectory::open(settings).unwrap();
    assert!(matches!(
        directory.poll().await,
        Err(PollError::Refused {
            error: AcceptError::NotPinned,
            ..
        })
    ));
    assert!(directory.document(Document::Root).is_none());
}

#[actix_web::test]
async fn a_peer_that_is_ahead_makes_it_look_at_once_but_not_twice_in_ten_seconds() {
    let office = Office::open();
    let node = Node::beside(&office);
    node.directory.poll().await.unwrap();
    let woken = async || {
        let wait = node.directory.shared.wake.notified();
        tokio::time::timeout(Duration::from_millis(20), wait)
            .await
            .is_ok()
    };
    node.directory
        .peer_is_at(&FedDirectory { seq: 1, status: 1 });
    assert!(!woken().await);
    node.directory
        .peer_is_at(&FedDirectory { seq: 2, status: 1 });
    assert!(woken().await);
    node.directory
        .peer_is_at(&FedDirectory { seq: 2, status: 1 });
    assert!(!woken().await);
}

#[actix_web::test]
async fn what_was_changed_on_disk_is_not_started_from() {
    let office = Office::open();
    let node = Node::beside(&office);
    node.directory.poll().await.unwrap();
    let stored = node.folder.path().join("directory.jws");
    let text = std::fs::read_to_string(&stored).unwrap();
    let (head, tail) = text.split_at(text.len() / 2);
    std::fs::write(&stored, format!("{head}A{tail}")).unwrap();
    let mut counters = Registry::default();
    let settings = settings(
        node.folder.path(),
        &office,
        node.audit.clone(),
        &mut counters,
    );
    assert!(matches!(
        MemberDirectory::open(settings),
        Err(DirectoryError::Stored { .. })
    ));
}
