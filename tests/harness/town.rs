//! A registry and its hospitals.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use federation_protocol::keys::SecretKey;
use federation_protocol::member::MemberState;
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, ManualClock, SharedClock, SystemClock};
use federation_service::log::Format;
use musubi_node::app::Node;
use musubi_registry::{Config as RegistryConfig, Registry, RunningRegistry};
use tempfile::TempDir;

use crate::evil::EvilRegistry;
use crate::hospital::Hospital;
use crate::store::Store;

/// A registry and hospitals that know each other. Dropped, it leaves nothing behind.
pub struct Town {
    /// The hospitals by their short names.
    pub hospitals: BTreeMap<String, Hospital>,
    /// The town's time, unless it lives in real time. It stands still unless the test moves it.
    pub clock: Arc<ManualClock>,
    time: SharedClock,
    registry: Option<RunningRegistry>,
    folder: TempDir,
    /// Where its nodes keep their databases.
    pub(crate) store: Store,
}

/// The online keys that root named in the place of stolen ones.
pub struct OnlineKeys {
    /// Signs directories.
    pub directory: SecretKey,
    /// Signs statuses.
    pub status: SecretKey,
}

impl Town {
    /// Starts a registry and a hospital for each name, on `store`, and waits until all know each
    /// other.
    pub async fn start(names: &[&str], store: Store) -> Self {
        Self::prepared(names, store, |_| {}).await
    }

    /// [`Town::start`], where `prepare` changes each hospital's settings before the registry hears
    /// of it.
    pub async fn prepared(names: &[&str], store: Store, prepare: impl Fn(&Hospital)) -> Self {
        // A whole second: signatures count in seconds.
        let now = Timestamp::from_unix_seconds(SystemClock.now().unix_seconds());
        let clock = ManualClock::at(now);
        let time: SharedClock = Arc::<ManualClock>::clone(&clock);
        let prepare = |hospital: &Hospital| {
            // Minutes of the town's time pass in moments; how often a member may ask is counted by
            // the machine's.
            hospital.set(
                "federation",
                "rate_per_second = 100000\nrate_burst = 100000",
            );
            prepare(hospital);
        };
        Self::begin(names, store, prepare, clock, time).await
    }

    /// The same by the machine's clock, for nodes in processes of their own and for waiting times.
    pub async fn in_real_time(names: &[&str], store: Store) -> Self {
        Self::prepared_in_real_time(names, store, |_| {}).await
    }

    /// [`Town::in_real_time`], where `prepare` changes each hospital's settings before the registry
    /// hears of it.
    pub async fn prepared_in_real_time(
        names: &[&str],
        store: Store,
        prepare: impl Fn(&Hospital),
    ) -> Self {
        let clock = ManualClock::at(SystemClock.now());
        Self::begin(names, store, prepare, clock, SystemClock::shared()).await
    }

    async fn begin(
        names: &[&str],
        store: Store,
        prepare: impl Fn(&Hospital),
        clock: Arc<ManualClock>,
        time: SharedClock,
    ) -> Self {
        log_to_stderr();
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let approver = folder.path().join("approver.pem");
        let registry_dir = folder.path().join("registry");
        let url = format!("https://127.0.0.1:{port}");
        registry_command(&[
            "init",
            "--dir",
            text(&registry_dir),
            "--id",
            "urn:musubi:registry:town",
            "--url",
            &url,
            "--bind",
            &format!("127.0.0.1:{port}"),
            "--approver-key",
            text(&approver),
            "--allow-cidr",
            "127.0.0.0/8",
        ]);
        let config = registry_dir.join("registry.toml");
        let running =
            Registry::start(RegistryConfig::load(&config).unwrap(), Arc::clone(&time)).unwrap();
        let mut town = Self {
            hospitals: BTreeMap::new(),
            clock,
            time: Arc::clone(&time),
            registry: Some(running),
            folder,
            store,
        };
        for (at, name) in names.iter().enumerate() {
            let pin = town.registry.as_ref().unwrap().root_sha256().to_owned();
            let number = format!("01100000{:02}", at + 1);
            let home = town.folder.path().join(name);
            let made = Hospital::make(name, &number, &home, &url, &pin, store.make());
            prepare(&made);
            let description = home.join("description.json");
            made.describe(&description);
            town.registry_command(&[
                "member",
                "add",
                text(&description),
                "--approver-key",
                text(&approver),
            ]);
            town.hospitals.insert((*name).to_owned(), made);
        }
        for hospital in town.hospitals.values_mut() {
            hospital.start(Arc::clone(&time)).await;
        }
        // The last to be added is known only where all are.
        if let Some(last) = names.last() {
            town.settle_until(last, MemberState::Active).await;
        }
        town
    }

    /// Every node fetches what the registry says now.
    pub async fn settle(&self) {
        for hospital in self.hospitals.values() {
            if let Some(node) = hospital.running() {
                node.federation().directory().poll().await.unwrap();
            }
        }
    }

    /// [`Town::settle`], until every node knows that a member is in this state: the registry looks
    /// ten times a second whether a command changed anything.
    pub async fn settle_until(&self, name: &str, state: MemberState) {
        for _ in 0..100 {
            self.settle().await;
            let mut running = self.hospitals.values().filter_map(Hospital::running);
            let knows = |node: &Node| {
                let membership = node.federation().directory().membership().unwrap();
                membership.state(self.at(name).id(), self.now()) == Some(state)
            };
            if running.all(knows) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{name} is not {state:?} everywhere");
    }

    /// A hospital by its short name.
    #[must_use]
    pub fn at(&self, name: &str) -> &Hospital {
        self.hospitals.get(name).unwrap()
    }

    /// A hospital by its short name, to stop or start it.
    pub fn at_mut(&mut self, name: &str) -> &mut Hospital {
        self.hospitals.get_mut(name).unwrap()
    }

    /// The time as the town has it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// The clock as nodes take it.
    #[must_use]
    pub fn shared_clock(&self) -> SharedClock {
        Arc::clone(&self.time)
    }

    /// `musubi-registry …` on this town's registry.
    pub fn registry_command(&self, words: &[&str]) {
        let config = self.folder.path().join("registry/registry.toml");
        let mut all = words.to_vec();
        all.extend(["--config", text(&config)]);
        registry_command(&all);
    }

    /// Starts a copy of the registry, keys and all, that goes its own way from now on.
    pub async fn two_faced_registry(&self) -> RunningRegistry {
        let other = self.folder.path().join("other-registry");
        copy_folder(&self.folder.path().join("registry"), &other);
        let file = other.join("registry.toml");
        let mut config: toml::Table =
            toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let (http, port) = (config["http"].as_table_mut().unwrap(), free_port());
        http.insert("bind".into(), format!("127.0.0.1:{port}").into());
        let url = format!("https://127.0.0.1:{port}");
        http.insert("public_url".into(), url.into());
        std::fs::write(&file, toml::to_string(&config).unwrap()).unwrap();
        Registry::start(RegistryConfig::load(&file).unwrap(), Arc::clone(&self.time)).unwrap()
    }

    /// `musubi-registry …` on the copy.
    pub fn other_registry_command(&self, words: &[&str]) {
        let config = self.folder.path().join("other-registry/registry.toml");
        let mut all = words.to_vec();
        all.extend(["--config", text(&config)]);
        registry_command(&all);
    }

    /// Suspends a member at the registry; nodes hear of it when they next ask.
    pub fn suspend(&self, name: &str) {
        let id = self.at(name).id().to_string();
        self.registry_command(&["member", "suspend", &id, "--reason", "test"]);
    }

    /// Ends a suspension at the registry; nodes hear of it when they next ask.
    pub fn resume(&self, name: &str) {
        let id = self.at(name).id().to_string();
        self.registry_command(&["member", "resume", &id]);
    }

    /// Stops a hospital's node, if it runs, and starts it again on what it kept.
    pub async fn restart(&mut self, name: &str) {
        let clock = self.shared_clock();
        let hospital = self.at_mut(name);
        hospital.stop().await;
        hospital.start(clock).await;
    }

    /// The folder of everything; a place for phone files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops the registry; nodes go on with what they have.
    pub async fn lose_registry(&mut self) {
        self.registry.take().unwrap().stop().await;
    }

    /// The operators make other online keys for a registry that was stolen, and root, whose key lies
    /// elsewhere, names them in the place of the old: the keys, and the signed root.
    pub fn root_takes_the_online_keys_away(&self) -> (OnlineKeys, String) {
        let registry = self.folder.path().join("registry");
        let (draft, signed) = (
            self.folder.path().join("root2.json"),
            self.folder.path().join("root2-signed.json"),
        );
        self.registry_command(&["root", "draft", "--new-online-keys", "--out", text(&draft)]);
        registry_command(&[
            "root",
            "sign",
            text(&draft),
            "--root-key",
            text(&self.folder.path().join("root.pem")),
            "--out",
            text(&signed),
        ]);
        self.registry_command(&["root", "rotate", text(&signed)]);
        let key = |file: &str| {
            let pem = std::fs::read_to_string(registry.join("keys").join(file)).unwrap();
            SecretKey::from_pkcs8_pem(&pem).unwrap()
        };
        let keys = OnlineKeys {
            directory: key("directory.pem"),
            status: key("status.pem"),
        };
        (keys, std::fs::read_to_string(signed).unwrap())
    }

    /// Stops the registry, and puts whoever stole its server in its place.
    pub async fn lose_registry_to_a_thief(&mut self) -> EvilRegistry {
        self.lose_registry().await;
        let thief = EvilRegistry::in_place_of(&self.folder.path().join("registry"));
        // Root lies on the stolen server too, and nobody can make another.
        let pinned = "directory/pinned-root.jws";
        let mut copies = self
            .hospitals
            .values()
            .map(|one| one.config().state_dir.join(pinned));
        let root = copies.find_map(|copy| std::fs::read_to_string(copy).ok());
        thief.says("/v1/root", &root.expect("a node pinned root"));
        thief
    }

    /// Stops every server.
    pub async fn stop(mut self) {
        for hospital in self.hospitals.values_mut() {
            hospital.stop().await;
        }
        if let Some(registry) = self.registry.take() {
            registry.stop().await;
        }
    }
}

/// A port that was free a moment ago: never one that this process was given before, and below
/// those that the system gives to connections.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const PORTS: u32 = 22_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test programs beside this one begin elsewhere.
    let begin = std::process::id().wrapping_mul(7_919);
    (0..PORTS)
        .map(|_| begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS + FIRST)
        .map(|port| u16::try_from(port).unwrap())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &place),
            // Modes are kept: keys stay their owner's.
            false => std::fs::copy(entry.path(), place).map(|_| ()).unwrap(),
        }
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Errors of the nodes on stderr, once in a process; more by `MUSUBI_TEST_LOG=info`.
fn log_to_stderr() {
    let level = std::env::var("MUSUBI_TEST_LOG").unwrap_or_else(|_| "error".to_owned());
    let _started_before = federation_service::log::start(Format::Text, &level);
}

fn registry_command(words: &[&str]) {
    let arguments = std::iter::once("musubi-registry").chain(words.iter().copied());
    let code = musubi_registry::commands::main(arguments.map(OsString::from));
    assert_succeeded(code, words);
}

pub(crate) fn node_command(words: &[&str]) {
    let arguments = std::iter::once("musubi-node").chain(words.iter().copied());
    let code = musubi_node::commands::main(arguments.map(OsString::from));
    assert_succeeded(code, words);
}

fn assert_succeeded(code: ExitCode, words: &[&str]) {
    assert_eq!(
        format!("{code:?}"),
        format!("{:?}", ExitCode::SUCCESS),
        "{words:?}"
    );
}

/// Where the project stands.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}
