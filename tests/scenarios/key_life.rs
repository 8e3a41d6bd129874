//! The life of a member's keys: rotated while everybody asks, stolen and revoked, archived for ever.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use federation_protocol::directory::{
    ChainKey, KEY_REVOCATION_TYP, KeyChain, Membership, ROTATED_USES, ROTATION_TYP,
};
use federation_protocol::jws::General;
use federation_protocol::keys::{KeyId, KeyUse, SecretKey, Sign};
use federation_protocol::member::MemberState;
use federation_protocol::time::Timestamp;
use federation_service::clock::Stopwatch;
use federation_service::outbound::OutboundRules;
use musubi_node::audit::{Kind, Signers};
use musubi_node::federation::evidence;
use musubi_node::federation::witnessing::{log_keys, witness_keys};
use musubi_node::joining::{Counter, JoinError, RekeyError, Rekeyer, Rekeying};
use scenarios::envoy::resources;
use scenarios::{Envoy, Hospital, Patient, Store, Town, charts};
use tokio::sync::RwLock;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

fn membership(hospital: &Hospital) -> Arc<Membership> {
    let directory = hospital.node().federation().directory();
    directory.membership().unwrap()
}

fn chain(seen_by: &Hospital, of: &Hospital) -> KeyChain {
    let membership = membership(seen_by);
    membership.directory().chain(of.id()).unwrap().clone()
}

/// The registry's counter, as this hospital reaches it.
fn counter(hospital: &Hospital) -> Counter {
    let config = hospital.config();
    let rules = OutboundRules::new(config.federation.allow_cidrs.iter().copied());
    let url = config.registry.url.origin().ascii_serialization();
    Counter::new(&url, membership(hospital).root(), &rules).unwrap()
}

/// What `hospital` would hand in at this moment.
fn made<T>(town: &Town, hospital: &Hospital, make: impl FnOnce(&Rekeyer<'_>) -> T) -> T {
    let membership = membership(hospital);
    make(&Rekeyer {
        keys: &hospital.rooms().keys,
        membership: &membership,
        me: hospital.id(),
        now: town.now(),
    })
}

async fn handed_in(hospital: &Hospital, said: &General) -> Result<Option<u64>, JoinError> {
    counter(hospital).change_keys(hospital.id(), said).await
}

/// Hands in what the registry takes, and waits until every node has the directory that lists it.
async fn listed(town: &Town, hospital: &Hospital, said: &General) {
    let seq = handed_in(hospital, said).await.unwrap().unwrap();
    for _ in 0..100 {
        town.settle().await;
        let mut hospitals = town.hospitals.values();
        if hospitals.all(|one| membership(one).position().seq >= seq) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("directory {seq} does not come");
}

/// Rotates one use at a hospital; every node has heard of it when this returns.
pub(crate) async fn rotated(town: &Town, name: &str, key_use: KeyUse) -> Rekeying {
    let hospital = town.at(name);
    let rekeying = made(town, hospital, |rekeyer| rekeyer.rotation(key_use)).unwrap();
    listed(town, hospital, &rekeying.said).await;
    rekeying
}

/// The recovery key, as it lies on a stick in a safe.
fn recovery_key(hospital: &Hospital) -> SecretKey {
    let file = hospital.config().state_dir.join("keys/recovery.pem");
    SecretKey::from_pkcs8_pem(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Waits until every node has a status of this moment and the directory that it names.
async fn caught_up(town: &Town) {
    for _ in 0..200 {
        town.settle().await;
        let mut hospitals = town
            .hospitals
            .values()
            .filter(|one| one.running().is_some());
        let is_current = |hospital: &Hospital| {
            let membership = membership(hospital);
            let age = town.now().seconds_since(membership.status().document().iat);
            age < MINUTE && !membership.is_behind()
        };
        if hospitals.all(is_current) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the town does not catch up");
}

/// Charts at both, a person at home at each, every chart linked.
async fn town_of_two(store: Store) -> (Town, Patient, Patient) {
    let town = Town::start(&["minato", "yukimi"], store).await;
    for (name, patient) in [("minato", "hana"), ("yukimi", "ken")] {
        let chart = [
            charts::patient(patient, "佐藤", "花"),
            charts::hba1c("lab-1", patient, "2026-05-01", "7.20"),
        ];
        town.at(name).load(&chart).await;
    }
    let hana = town.person("hana", "minato", &["minato"]).await;
    let ken = town.person("ken", "yukimi", &["yukimi"]).await;
    (town, hana, ken)
}

/// One hospital's physicians asking on and on.
struct Asking<'t> {
    town: &'t Town,
    asker: &'t str,
    patient: &'t Patient,
    /// Held for reading by whoever asks, for writing by whoever moves the clock.
    pace: &'t RwLock<()>,
    /// Rises when hours went by: a visit's code is over then, and the physician asks for another.
    visits: &'t AtomicU64,
    answered: AtomicU64,
}

impl Asking<'_> {
    async fn until(&self, done: &AtomicU64) {
        let (mut visit, mut grant) = (u64::MAX, String::new());
        while done.load(Ordering::Relaxed) == 0 {
            let _no_jump = self.pace.read().await;
            let now = self.visits.load(Ordering::Relaxed);
            if visit != now {
                visit = now;
                grant = self.town.grant(self.patient, self.asker, "lab").await;
            }
            let asker = self.town.at(self.asker);
            let (status, answer) = asker.ask(&grant, "dr-1", "Observation").await;
            let got = (status, resources(&answer).len());
            assert_eq!(got, (200, 1), "{} is failed: {answer}", self.asker);
            self.answered.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    }
}

struct Mover<'t> {
    town: &'t Town,
    pace: &'t RwLock<()>,
    visits: &'t AtomicU64,
}

impl Mover<'_> {
    async fn forward(&self, seconds: i64) {
        let nobody_asks = self.pace.write().await;
        self.town.clock.advance(seconds);
        caught_up(self.town).await;
        if seconds > 10 * MINUTE {
            self.visits.fetch_add(1, Ordering::Relaxed);
        }
        drop(nobody_asks);
        // The log goes on: sealed and cosigned with whatever key counts now.
        let witnessing = self.town.at("minato").node().federation().witnessing();
        witnessing.witness().await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_consent_and_log_keys_rotate_under_load_and_not_one_request_fails() {
    for store in Store::each() {
        rotates_under_load(store).await;
    }
}

async fn rotates_under_load(store: Store) {
    let (town, hana, ken) = town_of_two(store).await;
    let begun = town.now();
    let minato = town.at("minato");
    let before: HashMap<KeyUse, KeyId> = ROTATED_USES
        .iter()
        .map(|key_use| {
            (
                *key_use,
                minato.rooms().keys.signer(*key_use).unwrap().kid().clone(),
            )
        })
        .collect();
    let (pace, visits, done) = (RwLock::new(()), AtomicU64::new(0), AtomicU64::new(0));
    let asking = |asker, patient| Asking {
        town: &town,
        asker,
        patient,
        pace: &pace,
        visits: &visits,
        answered: AtomicU64::new(0),
    };
    // Minato is asked, and answers by tokens of its own; Minato asks, by tokens bound to its key.
    let (is_asked, asks) = (asking("yukimi", &hana), asking("minato", &ken));
    let mover = Mover {
        town: &town,
        pace: &pace,
        visits: &visits,
    };
    let rotating = async {
        mover.forward(MINUTE).await;
        for key_use in ROTATED_USES {
            rotated(&town, "minato", key_use).await;
        }
        let again = made(&town, minato, |rekeyer| {
            rekeyer.rotation(KeyUse::Sign).err()
        });
        assert!(
            matches!(again, Some(RekeyError::UnderWay { .. })),
            "{again:?}"
        );
        for minute in 1..=14 {
            mover.forward(MINUTE).await;
            for key_use in ROTATED_USES {
                let signs = minato.rooms().keys.signer(key_use).unwrap().kid().clone();
                // Ten minutes until it begins, one until it is used.
                assert_eq!(signs == before[&key_use], minute < 11, "{key_use} {minute}");
            }
        }
        for _ in 0..13 {
            mover.forward(12 * HOUR).await;
        }
        mover.forward(11 * HOUR + 40 * MINUTE).await;
        // The old keys end in these minutes.
        for _ in 0..12 {
            mover.forward(MINUTE).await;
        }
        done.store(1, Ordering::Relaxed);
    };
    tokio::join!(is_asked.until(&done), asks.until(&done), rotating);
    let count = |asking: &Asking<'_>| asking.answered.load(Ordering::Relaxed);
    println!(
        "rotated sign, consent and log over 7 days: {} + {} questions, none failed",
        count(&is_asked),
        count(&asks)
    );
    assert!(count(&is_asked) > 20 && count(&asks) > 20);
    after_the_rotation(&town, begun, &before).await;
    town.stop().await;
}

/// What was signed with the old keys stays provable, from the archive.
async fn after_the_rotation(town: &Town, begun: Timestamp, before: &HashMap<KeyUse, KeyId>) {
    let (minato, yukimi) = (town.at("minato"), town.at("yukimi"));
    let seen = membership(yukimi);
    let ended: Vec<&KeyId> = seen
        .directory()
        .document()
        .archive
        .iter()
        .map(|key| &key.kid)
        .collect();
    for (key_use, kid) in before {
        assert!(ended.contains(&kid), "the old {key_use} key is archived");
        assert!(
            !seen.key(kid).unwrap().may(*key_use, town.now()),
            "{key_use}"
        );
    }
    let old = &before[&KeyUse::Sign];
    let then = begun.plus_seconds(HOUR);
    assert!(seen.directory().signer_at(old, then).is_some());
    assert!(seen.directory().signer_at(old, town.now()).is_none());

    // The first exchange of all, offline, by the directory of its day.
    for hospital in [minato, yukimi] {
        let lines = hospital.audit().await;
        let told = lines
            .iter()
            .filter(|line| line.kind == Kind::Disclosure.as_str());
        let exchanges: Vec<_> = told.filter_map(|line| line.exchange.clone()).collect();
        let rooms = hospital.rooms();
        for exchange in [exchanges.first().unwrap(), exchanges.last().unwrap()] {
            let kept = evidence::of_exchange(&rooms.database, exchange)
                .await
                .unwrap();
            assert!(!kept.is_empty(), "{exchange}");
            for one in &kept {
                let (folder, pin) = (rooms.directory_folder(), rooms.config.registry.root_sha256);
                evidence::verify(one, &folder, pin, town.now()).unwrap();
            }
        }
    }
    audit_verifies(minato).await;
}

/// `audit verify`, by checkpoints of both log keys.
async fn audit_verifies(hospital: &Hospital) {
    let (membership, witnessing) = (
        membership(hospital),
        hospital.node().federation().witnessing(),
    );
    let log = log_keys(&membership, witnessing.checkpoints());
    assert_eq!(log.len(), 2, "the old log key and the new one");
    let signers = |log| Signers {
        origin: hospital.id().to_string(),
        log,
        witnesses: HashMap::from([(membership.registry().to_owned(), witness_keys(&membership))]),
    };
    let audit = &hospital.rooms().audit;
    let report = audit.verify(signers(log.clone())).await.unwrap();
    assert_eq!(report.problems, [], "{report:?}");
    assert!(report.checkpoints > 10 && report.cosigned > 0);
    // Each of the two signed some of them.
    for one in log {
        let alone = audit.verify(signers(vec![one])).await.unwrap();
        assert!(!alone.problems.is_empty());
        assert!(alone.checkpoints > 0);
    }
}

/// The refusal of an echo that the envoy signs; empty when it is answered.
async fn echo(town: &Town, envoy: &Envoy, to: &str) -> String {
    let now = town.now();
    let parcel = envoy.sign(envoy.echo(town.at(to), now), now);
    envoy.send(town.at(to), &parcel).await.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn stolen_keys_stop_counting_when_the_recovery_key_says_so() {
    let (town, hana, _) = town_of_two(Store::Sqlite).await;
    let minato = town.at("minato");
    // The thief copied the folder of the keys; a token of yesterday is in somebody's hands.
    let thief = minato.envoy();
    let (sign, consent) = (thief.keys.sign(), thief.keys.consent());
    let grant = town.grant(&hana, "yukimi", "lab").await;
    let token = town.token_of(&grant, "yukimi", "minato").await;
    assert_eq!(echo(&town, &thief, "yukimi").await, "");
    let stolen_at = town.now();
    town.clock.advance(1);

    let kids = [sign.kid().clone(), consent.kid().clone()];
    let recovery = recovery_key(minato);
    let rekeying = made(&town, minato, |rekeyer| {
        rekeyer.revocation(&kids, &recovery, true).unwrap()
    });
    let begun = Stopwatch::start();
    handed_in(minato, &rekeying.said).await.unwrap();
    let taken = begun.elapsed();
    // Nobody is told to look: the nodes look by themselves.
    for _ in 0..600 {
        if echo(&town, &thief, "yukimi").await == "key_unknown" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(echo(&town, &thief, "yukimi").await, "key_unknown");
    println!(
        "revocation: taken after {:.2} s, the stolen key refused at a peer after {:.2} s",
        taken.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    caught_up(&town).await;
    let asked = town.at("yukimi").envoy();
    let reply = asked.ask(minato, &token, "Observation", town.now()).await;
    assert_eq!(reply.code(), "token_issuer_unknown");

    // The thief rotates nothing any more, and what was signed before the theft stays proven.
    let chain = chain(minato, minato);
    let revoked = |key: &&ChainKey| key.revoked_at.is_some();
    assert_eq!(chain.keys().iter().filter(revoked).count(), 2);
    let directory = membership(town.at("yukimi"));
    let directory = directory.directory();
    assert!(directory.signer_at(sign.kid(), stolen_at).is_some());
    assert!(directory.signer_at(sign.kid(), town.now()).is_none());

    // The hospital itself goes on at once with its new keys.
    let grant = town.grant(&hana, "yukimi", "lab").await;
    let (status, answer) = town.at("yukimi").ask(&grant, "dr-1", "Observation").await;
    assert_eq!((status, resources(&answer).len()), (200, 1), "{answer}");
    assert_ne!(minato.rooms().keys.sign().kid(), sign.kid());
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_ends_a_stolen_key_and_the_recovery_key_brings_another() {
    let (mut town, _, _) = town_of_two(Store::Sqlite).await;
    let thief = town.at("minato").envoy();
    let kid = thief.keys.sign().kid().clone();
    let id = town.at("minato").id().to_string();
    town.registry_command(&["member", "revoke-key", &id, &kid, "--reason", "test"]);
    town.registry_command(&["keys", "list", &id]);
    for _ in 0..100 {
        town.settle().await;
        if echo(&town, &thief, "yukimi").await == "key_unknown" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(echo(&town, &thief, "yukimi").await, "key_unknown");
    let archive = membership(town.at("yukimi"))
        .directory()
        .document()
        .archive
        .clone();
    let archived = archive.iter().find(|key| key.kid == kid).unwrap();
    assert!(archived.revoked_at.is_some());

    let minato = town.at("minato");
    let stolen = made(&town, minato, |rekeyer| {
        rekeyer.rotation(KeyUse::Sign).map(|_| ())
    });
    assert!(stolen.is_err(), "{stolen:?}");
    town.clock.advance(2);
    let recovery = recovery_key(minato);
    let rekeying = made(&town, minato, |rekeyer| {
        rekeyer
            .revocation(std::slice::from_ref(&kid), &recovery, true)
            .unwrap()
    });
    listed(&town, minato, &rekeying.said).await;
    let new = minato.rooms().keys.sign();
    assert_ne!(*new.kid(), kid);
    town.restart("minato").await;
    let minato = town.at("minato");
    assert_eq!(
        minato.rooms().keys.sign().kid(),
        new.kid(),
        "after a restart"
    );
    let (envoy, now) = (minato.envoy(), town.now());
    let parcel = Envoy::sign_with(&*new, envoy.echo(town.at("yukimi"), now), now);
    assert_eq!(envoy.send(town.at("yukimi"), &parcel).await.code(), "");
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_takes_no_word_about_keys_but_the_members_own() {
    let (town, _, _) = town_of_two(Store::Sqlite).await;
    let (minato, yukimi) = (town.at("minato"), town.at("yukimi"));
    let rightful = made(&town, minato, |rekeyer| rekeyer.rotation(KeyUse::Sign)).unwrap();
    let signed = |typ: &str, keys: &[&dyn Sign]| {
        let payload = rightful.said.open(ROTATION_TYP).unwrap().payload;
        keys.iter()
            .fold(General::new(&payload), |jws, key| jws.signed(typ, *key))
    };
    let (old, stranger) = (minato.rooms().keys.sign(), SecretKey::from_seed([7; 32]));
    let kid = &rightful.new[0].kid;
    let file = minato
        .config()
        .state_dir
        .join(format!("keys/sign.{kid}.pem"));
    let new = SecretKey::from_pkcs8_pem(&std::fs::read_to_string(file).unwrap()).unwrap();

    // Strangers are told nothing; whoever has one key of the member, what is not in order.
    for said in [
        signed(ROTATION_TYP, &[]),
        signed(ROTATION_TYP, &[&stranger]),
        signed(ROTATION_TYP, &[&new]),
        signed(ROTATION_TYP, &[&*yukimi.rooms().keys.sign()]),
        signed("musubi-leave+jwt", &[&*old]),
        signed(KEY_REVOCATION_TYP, &[&*old]),
    ] {
        let refused = handed_in(minato, &said).await;
        assert!(
            matches!(refused, Err(JoinError::NothingHere)),
            "{refused:?}"
        );
    }
    let of_another = counter(minato)
        .change_keys(yukimi.id(), &rightful.said)
        .await;
    assert!(
        matches!(of_another, Err(JoinError::NothingHere)),
        "{of_another:?}"
    );
    for said in [
        signed(ROTATION_TYP, &[&*old]),
        signed(ROTATION_TYP, &[&*old, &stranger]),
        signed(ROTATION_TYP, &[&*old, &new, &stranger]),
    ] {
        let refused = handed_in(minato, &said).await;
        assert!(
            matches!(refused, Err(JoinError::KeysRefused(_))),
            "{refused:?}"
        );
    }
    // Kept back for six minutes, it is too old; suspended, the member says nothing by its sign key.
    town.clock.advance(6 * MINUTE);
    let late = handed_in(minato, &rightful.said).await;
    assert!(matches!(late, Err(JoinError::KeysRefused(_))), "{late:?}");
    caught_up(&town).await;
    town.suspend("minato");
    town.settle_until("minato", MemberState::Suspended).await;
    let again = made(&town, minato, |rekeyer| rekeyer.rotation(KeyUse::Sign)).unwrap();
    assert_eq!(
        again.new[0].kid, *kid,
        "the key that lay there is taken again"
    );
    let refused = handed_in(minato, &again.said).await;
    assert!(
        matches!(refused, Err(JoinError::KeysRefused(_))),
        "{refused:?}"
    );
    town.resume("minato");
    town.settle_until("minato", MemberState::Active).await;
    assert_eq!(chain(yukimi, minato).keys().len(), 5);

    // Said twice, it is heard once.
    listed(&town, minato, &again.said).await;
    assert!(handed_in(minato, &again.said).await.unwrap().is_some());
    assert_eq!(chain(yukimi, minato).keys().len(), 6);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_operations_says_to_type_rotates_and_revokes() {
    let town = Town::in_real_time(&["minato"], Store::Sqlite).await;
    let minato = town.at("minato");
    let recovery = minato.config().state_dir.join("keys/recovery.pem");
    let (recovery, other) = (recovery.to_str().unwrap(), minato.config_file());
    let typed = async |words: &[&str]| crate::witnessed::command(minato, words).await;
    assert_eq!(typed(&["keys", "list"]).await, 0);
    assert_eq!(typed(&["keys", "list", "-o", "json"]).await, 0);
    assert_eq!(typed(&["keys", "rotate", "--use", "sign"]).await, 0);
    assert_eq!(
        typed(&["keys", "rotate", "--use", "log", "-o", "json"]).await,
        0
    );
    // The first has not begun yet: try again later.
    assert_eq!(typed(&["keys", "rotate", "--use", "sign"]).await, 75);
    town.settle().await;
    let keys = chain(minato, minato);
    assert_eq!(keys.keys().len(), 7);
    let coming = keys.keys().iter().find(|key| key.gave_way).unwrap();
    let kid = coming.statement.kid.to_string();
    let no_key = [
        "keys",
        "revoke",
        &kid,
        "--recovery-key",
        other.to_str().unwrap(),
    ];
    assert_eq!(typed(&no_key).await, 78);
    let sign_key = minato.config().state_dir.join("keys/sign.pem");
    let wrong = [
        "keys",
        "revoke",
        &kid,
        "--recovery-key",
        sign_key.to_str().unwrap(),
    ];
    assert_eq!(typed(&wrong).await, 4);
    let right = [
        "keys",
        "revoke",
        &kid,
        "--recovery-key",
        recovery,
        "--replace",
    ];
    assert_eq!(typed(&right).await, 0);
    town.settle().await;
    let keys = chain(minato, minato);
    let revoked: Vec<_> = keys
        .keys()
        .iter()
        .filter(|key| key.revoked_at.is_some())
        .collect();
    assert_eq!(revoked.len(), 1);
    assert_eq!(keys.keys().len(), 8);
    // It is written down who changed what.
    let lines = minato.audit().await;
    let acts = lines.iter().filter_map(|line| line.detail["act"].as_str());
    let acts: Vec<_> = acts.filter(|act| act.ends_with("-key")).collect();
    assert_eq!(acts, ["rotate-key", "rotate-key", "revoke-key"]);
    town.stop().await;
}
