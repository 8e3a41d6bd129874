//! Whoever stole the registry's server, before real nodes: it holds the online keys and the
//! certificate, and neither root's keys nor the approvers'.
//!
//! What other tests show already, and is not repeated here:
//!
//! | attack | shown by |
//! |---|---|
//! | a member written into the registry's own database | `an_entry_that_no_approver_signed_reaches_no_node` |
//! | each rule of a directory, as pure functions | `a_directory_is_accepted_in_the_order_of_the_checks`, `the_online_key_cannot_add_or_change_a_member` |
//! | a replacement that the member did not sign, with an approver's signature | `an_unsigned_replacement_counts_after_a_day_on_hold`, `a_replacement_that_the_member_did_not_sign_is_refused` |
//! | another root | `another_root_than_the_pinned_one_is_never_used` |
//! | a status that revives a revoked member | `a_suspension_in_the_status_counts_at_once_but_revives_nobody` |
//! | a checkpoint that is forged, a log that was cut short | `witnessed.rs` |

use federation_protocol::directory::{
    AcceptError, ArchivedKey, DirectoryDocument, ENTRY_TYP, Entry, EntryError, KeyChangeError,
    KeyStatement, ListedMember, Membership, ROTATION_TYP, Rotation, StatusDocument,
};
use federation_protocol::jws::General;
use federation_protocol::keys::{KeyUse, PublicKey, SecretKey, Sign};
use federation_protocol::member::MemberState;
use musubi_node::federation::directory::PollError;
use scenarios::{Envoy, EvilRegistry, Hospital, Store, Town};

/// Minato and Yukimi know each other; the registry was stolen.
struct Scene {
    town: Town,
    thief: EvilRegistry,
}

impl Scene {
    async fn set(store: Store) -> Self {
        let mut town = Town::start(&["minato", "yukimi"], store).await;
        let thief = town.lose_registry_to_a_thief().await;
        Self { town, thief }
    }

    fn yukimi(&self) -> &Hospital {
        self.town.at("yukimi")
    }

    /// The directory after the one that all have: as theirs, but for what a test changes.
    fn next(&self) -> DirectoryDocument {
        let membership = membership(self.yukimi());
        let mut next = membership.directory().document().clone();
        next.seq += 1;
        next.prev = Some(membership.directory().hash());
        next.iat = self.town.now();
        next
    }

    fn status(&self) -> StatusDocument {
        let mut status = membership(self.yukimi()).status().document().clone();
        status.iat = self.town.now();
        status.exp = self.town.now().plus_seconds(600);
        status
    }

    /// Minato's entry as it stands, as approvers signed it.
    fn minatos(&self) -> Entry {
        let membership = membership(self.yukimi());
        let document = membership.directory().document();
        let id = self.town.at("minato").id();
        let listed = document.members.iter().map(|listed| &listed.entry);
        let entries = listed.map(|entry| Entry::verify(entry, membership.root().document()));
        let mut entries = entries.map(|entry| entry.unwrap().0);
        entries.find(|entry| entry.member.id == *id).unwrap()
    }

    /// The next directory, Minato's entry replaced.
    fn with_minato(&self, entry: General) -> DirectoryDocument {
        let mut next = self.next();
        let place = self.place_of_minato(&next);
        next.members[place].entry = entry;
        next
    }

    fn place_of_minato(&self, document: &DirectoryDocument) -> usize {
        let membership = membership(self.yukimi());
        let root = membership.root().document();
        let id = self.town.at("minato").id();
        let is_minato = |listed: &ListedMember| {
            Entry::verify(&listed.entry, root).is_ok_and(|(entry, _)| entry.member.id == *id)
        };
        document.members.iter().position(is_minato).unwrap()
    }

    /// Yukimi looks at the registry and refuses what it says; who belongs stays as it was, and care
    /// goes on.
    async fn refuses(&self, what: &str) -> AcceptError {
        let before = membership(self.yukimi());
        let poll = self.yukimi().node().federation().directory().poll().await;
        let Err(PollError::Refused { error, .. }) = poll else {
            panic!("{what}: {poll:?}");
        };
        let after = membership(self.yukimi());
        assert_eq!(
            before.directory().hash(),
            after.directory().hash(),
            "{what}"
        );
        self.care_goes_on(what).await;
        error
    }

    fn blamed(&self, error: KeyChangeError) -> AcceptError {
        AcceptError::KeyChange {
            member: self.town.at("minato").id().clone(),
            error,
        }
    }

    async fn care_goes_on(&self, what: &str) {
        let (minato, now) = (self.town.at("minato").envoy(), self.town.now());
        let parcel = minato.sign(minato.echo(self.yukimi(), now), now);
        let reply = minato.send(self.yukimi(), &parcel).await;
        assert_eq!((reply.status, reply.code().as_str()), (200, ""), "{what}");
    }

    async fn alarms(&self) -> Vec<String> {
        let lines = self.yukimi().audit().await;
        let alarms = lines.into_iter().filter(|line| line.kind == "directory");
        alarms.map(|line| line.outcome).collect()
    }
}

fn membership(hospital: &Hospital) -> std::sync::Arc<Membership> {
    let directory = hospital.node().federation().directory();
    directory.membership().unwrap()
}

fn thiefs_key() -> SecretKey {
    SecretKey::from_seed([66; 32])
}

/// The entry of a member whose sign key is the thief's.
fn with_key_swapped(mut entry: Entry) -> Entry {
    let keys = entry.member.keys.iter_mut();
    for key in keys.filter(|key| key.key_use == KeyUse::Sign) {
        let (from, until) = (key.not_before, key.not_after);
        *key = KeyStatement::of(KeyUse::Sign, &thiefs_key().public(), from, until);
    }
    entry.version += 1;
    entry
}

/// The approvers' signatures of one entry over the payload of another.
fn signatures_moved(onto: &General, from: &General) -> General {
    let value =
        |entry: &General| -> serde_json::Value { serde_json::from_str(&entry.to_json()).unwrap() };
    let mut moved = value(from);
    moved["payload"] = value(onto)["payload"].clone();
    General::parse(moved.to_string().as_bytes(), 100_000).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_registry_swaps_no_key_and_grants_no_capability() {
    for store in Store::each() {
        let scene = Scene::set(store).await;
        let (thief, online) = (thiefs_key(), &scene.thief.directory_key);
        let swapped = with_key_swapped(scene.minatos());
        let mut emergency = scene.minatos();
        emergency.member.capabilities.push("emergency".to_owned());
        emergency.version += 1;
        let rightly = scene.next();
        let rightly = &rightly.members[scene.place_of_minato(&rightly)].entry;
        for (entry, what) in [(swapped, "a key"), (emergency, "a capability")] {
            for signed in [
                entry.sign(&[]),
                entry.sign(&[online]),
                entry.sign(&[&thief]),
                entry
                    .sign(&[online])
                    .signed(ENTRY_TYP, &scene.thief.status_key),
                signatures_moved(&entry.sign(&[]), rightly),
            ] {
                let forged = scene.with_minato(signed);
                scene.thief.publishes(&forged, &scene.status());
                let error = scene.refuses(what).await;
                assert!(
                    matches!(
                        error,
                        AcceptError::Entry {
                            error: EntryError::TooFewApprovers
                                | EntryError::Signature
                                | EntryError::Form(_),
                            ..
                        }
                    ),
                    "{what}: {error}"
                );
            }
        }
        // The thief's key signs for nobody.
        let (minato, now) = (scene.town.at("minato").envoy(), scene.town.now());
        let draft = minato.echo(scene.yukimi(), now);
        let reply = minato
            .send(scene.yukimi(), &Envoy::sign_with(&thief, draft, now))
            .await;
        assert_eq!(reply.code(), "key_unknown");
        assert!(scene.alarms().await.contains(&"refused".to_owned()));
        scene.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_registry_adds_no_member_and_drops_none() {
    let scene = Scene::set(Store::Sqlite).await;
    let online = &scene.thief.directory_key;
    let mut added = with_key_swapped(scene.minatos());
    added.member.id = "urn:musubi:member:0110000099".parse().unwrap();
    added.version = 1;
    for keys in [&[online as &dyn Sign][..], &[&thiefs_key()]] {
        let mut forged = scene.next();
        let since = scene.town.now();
        forged.members.push(ListedMember {
            state: MemberState::Active,
            since,
            entry: added.sign(keys),
            key_changes: Vec::new(),
            pending: None,
        });
        scene.thief.publishes(&forged, &scene.status());
        let error = scene.refuses("a member more").await;
        assert!(matches!(error, AcceptError::Entry { .. }), "{error}");
    }
    assert!(
        membership(scene.yukimi())
            .member(&added.member.id)
            .is_none()
    );

    let mut shorter = scene.next();
    let place = scene.place_of_minato(&shorter);
    let minato = shorter.members.remove(place);
    scene.thief.publishes(&shorter, &scene.status());
    let error = scene.refuses("a member less").await;
    assert!(matches!(error, AcceptError::MemberLost(_)), "{error}");

    let mut twice = scene.next();
    twice.members.push(minato);
    scene.thief.publishes(&twice, &scene.status());
    let error = scene.refuses("a member twice").await;
    assert!(matches!(error, AcceptError::Twice(_)), "{error}");
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_registry_hides_no_rotation_invents_none_and_rewrites_no_past() {
    let mut town = Town::start(&["minato", "yukimi"], Store::Sqlite).await;
    let rotated = crate::key_life::rotated(&town, "minato", KeyUse::Sign).await;
    let thief = town.lose_registry_to_a_thief().await;
    let scene = Scene { town, thief };
    let place = scene.place_of_minato(&scene.next());
    let (online, own) = (&scene.thief.directory_key, thiefs_key());

    let mut hidden = scene.next();
    hidden.members[place].key_changes.clear();
    scene.thief.publishes(&hidden, &scene.status());
    assert_eq!(
        scene.refuses("a rotation is hidden").await,
        scene.blamed(KeyChangeError::Lost)
    );

    // The next rotation, of the key that Minato rotated to, signed by whatever the thief has.
    let payload = rotated.said.open(ROTATION_TYP).unwrap().payload;
    let mut stolen: Rotation = serde_json::from_slice(&payload).unwrap();
    stolen.number = 2;
    stolen.iat = scene.town.now();
    let consent = scene.minatos().member.keys;
    let consent = consent.iter().find(|key| key.key_use == KeyUse::Consent);
    stolen.old.kid = consent.unwrap().kid.clone();
    let (from, until) = (stolen.new.not_before, stolen.new.not_after);
    stolen.new = KeyStatement::of(KeyUse::Consent, &own.public(), from, until);
    let mut invented = scene.next();
    let changes = &mut invented.members[place].key_changes;
    changes.push(stolen.sign(online, &own));
    scene.thief.publishes(&invented, &scene.status());
    assert_eq!(
        scene.refuses("a rotation is invented").await,
        scene.blamed(KeyChangeError::Signature)
    );

    // A key of the thief's in Minato's past, and a past that Minato's own key never had.
    let now = scene.town.now();
    let archived = |public: &PublicKey, not_after: i64, revoked: Option<i64>| ArchivedKey {
        member: scene.town.at("minato").id().clone(),
        key_use: KeyUse::Sign,
        kid: public.kid(),
        x: public.x(),
        not_before: now.plus_seconds(-86_400),
        not_after: now.plus_seconds(not_after),
        revoked_at: revoked.map(|at| now.plus_seconds(at)),
    };
    let mut past = scene.minatos().member.keys;
    past.retain(|key| key.key_use == KeyUse::Consent);
    let listed = &past[0];
    let denied = ArchivedKey {
        key_use: KeyUse::Consent,
        not_before: listed.not_before,
        ..archived(&listed.public_key().unwrap(), 0, Some(-7 * 86_400))
    };
    for key in [
        archived(&own.public(), 86_400, None),
        archived(&own.public(), -60, None),
        denied,
    ] {
        let mut rewritten = scene.next();
        rewritten.archive.push(key.clone());
        scene.thief.publishes(&rewritten, &scene.status());
        let error = scene.refuses("a rewritten past").await;
        assert_eq!(error, AcceptError::Archive(key.kid));
    }
    assert!(!scene.alarms().await.is_empty());
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_registry_serves_no_older_truth_and_no_broken_chain() {
    let scene = Scene::set(Store::Sqlite).await;
    let current = membership(scene.yukimi());
    let (directory, status) = (current.directory().document(), scene.status());

    let mut older = status.clone();
    older.seq = current.status().document().seq - 1;
    scene.thief.says_status(&older);
    let error = scene.refuses("an older status").await;
    assert!(matches!(error, AcceptError::Rollback { .. }), "{error}");

    // A status that runs ahead, and a directory from before it.
    let mut older = directory.clone();
    older.seq -= 1;
    let mut ahead = status.clone();
    ahead.seq += 1;
    ahead.directory.seq = directory.seq + 1;
    scene.thief.says_status(&ahead);
    let signed = older.sign(&scene.thief.directory_key);
    scene.thief.says("/v1/directory", &signed.jws);
    let error = scene.refuses("an older directory").await;
    assert!(matches!(error, AcceptError::Rollback { .. }), "{error}");

    let mut unchained = scene.next();
    unchained.prev = Some(signed.hash);
    scene.thief.publishes(&unchained, &scene.status());
    let error = scene.refuses("a chain of its own").await;
    assert_eq!(error, AcceptError::PreviousMismatch);

    let by_status_key = scene.next().sign(&scene.thief.status_key);
    scene.thief.publishes(&scene.next(), &scene.status());
    scene.thief.says("/v1/directory", &by_status_key.jws);
    let error = scene.refuses("the status key signs a directory").await;
    assert_eq!(error, AcceptError::KeyNotDelegated);
    assert!(scene.alarms().await.contains(&"rollback".to_owned()));
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_registry_makes_no_silence_ahead() {
    let scene = Scene::set(Store::Sqlite).await;
    let now = scene.town.now();
    let status = scene.status();
    let with = |from: i64, life: i64| StatusDocument {
        seq: status.seq + 1,
        iat: now.plus_seconds(from),
        exp: now.plus_seconds(from + life),
        ..status.clone()
    };
    for (wrong, expected) in [
        (with(0, 601), AcceptError::TooLongLived),
        (with(0, 86_400), AcceptError::TooLongLived),
        (with(61, 600), AcceptError::NotYetValid),
        (with(-661, 600), AcceptError::Expired),
    ] {
        scene.thief.says_status(&wrong);
        assert_eq!(scene.refuses("silence ahead").await, expected);
    }
    scene.town.stop().await;
}

/// Two faces: each is whole by itself. Where they meet, it is an alarm.
#[tokio::test(flavor = "multi_thread")]
async fn two_faces_of_a_stolen_registry_are_an_alarm_where_they_meet() {
    let scene = Scene::set(Store::Sqlite).await;
    let (minato, now) = (scene.town.at("minato"), scene.town.now());
    let poll = async |hospital: &Hospital| {
        let directory = hospital.node().federation().directory();
        directory.poll().await
    };
    let status = scene.status();
    let one = scene.next();
    let mut other = one.clone();
    other.iat = now.plus_seconds(-1);
    scene.thief.publishes(&one, &status);
    poll(minato).await.unwrap();
    scene.thief.publishes(&other, &status);
    poll(scene.yukimi()).await.unwrap();
    let shown = |hospital: &Hospital| membership(hospital).directory().hash();
    assert_ne!(shown(minato), shown(scene.yukimi()));

    // A later status can name but one of them.
    let mut status = scene.status();
    status.seq += 2;
    status.directory.seq = one.seq;
    status.directory.hash = one.sign(&scene.thief.directory_key).hash;
    scene.thief.says_status(&status);
    poll(minato).await.unwrap();
    let error = scene.refuses("the other face").await;
    assert_eq!(error, AcceptError::SplitView { seq: one.seq });
    assert_eq!(scene.alarms().await, ["split_view"]);

    // Nor does the next directory follow both.
    let mut next = one.clone();
    next.seq += 1;
    next.prev = Some(one.sign(&scene.thief.directory_key).hash);
    scene.thief.publishes(&next, &status);
    poll(minato).await.unwrap();
    let error = scene.refuses("what follows the other face").await;
    assert_eq!(error, AcceptError::PreviousMismatch);
    scene.town.stop().await;
}

/// Root's keys and the approvers' lie elsewhere: they take the online keys away from the thief.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_thief_said_with_the_online_keys_root_takes_them_away_and_the_federation_goes_on()
 {
    for store in Store::each() {
        let scene = Scene::set(store).await;
        let poll =
            async |hospital: &Hospital| hospital.node().federation().directory().poll().await;
        let (honest, honest_status) = (scene.next(), scene.status());
        // Minato ended for ever, and the numbers used up.
        let mut ended = scene.next();
        let place = scene.place_of_minato(&ended);
        ended.members[place].state = MemberState::Revoked;
        let mut last = scene.status();
        last.seq = 1 << 52;
        scene.thief.publishes(&ended, &last);
        poll(scene.yukimi()).await.unwrap();
        let (minato, now) = (scene.town.at("minato"), scene.town.now());
        let envoy = minato.envoy();
        let echo = || envoy.sign(envoy.echo(scene.yukimi(), now), now);
        assert_ne!(envoy.send(scene.yukimi(), &echo()).await.status, 200);

        let (keys, next_root) = scene.town.root_takes_the_online_keys_away();
        scene.thief.says("/v1/root", &next_root);
        let signed = honest.sign(&keys.directory);
        let mut status = honest_status;
        status.directory.seq = honest.seq;
        status.directory.hash = signed.hash;
        scene.thief.says("/v1/directory", &signed.jws);
        scene
            .thief
            .says("/v1/status", &status.sign(&keys.status).jws);
        poll(scene.yukimi()).await.unwrap();
        let accepted = membership(scene.yukimi());
        assert_eq!(accepted.root().document().seq, 2);
        assert_eq!(accepted.directory().hash(), signed.hash);
        assert_eq!(accepted.status().document().seq, status.seq);
        scene.care_goes_on("the thief has nothing left").await;

        // It stands so on the disk, too, and what the thief signs is nobody's word.
        let mut town = scene.town;
        town.restart("yukimi").await;
        let accepted = membership(town.at("yukimi"));
        assert_eq!(accepted.directory().hash(), signed.hash);
        last.seq += 1;
        scene.thief.says_status(&last);
        let poll = poll(town.at("yukimi")).await;
        let Err(PollError::Refused { error, .. }) = poll else {
            panic!("{poll:?}");
        };
        assert_eq!(error, AcceptError::KeyNotDelegated);
        town.stop().await;
    }
}
