//! The registry as a witness, over HTTP, before logs that grow, lie and are put back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod house;

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::directory::{DocumentKind, KeyStatement, MemberDescription};
use federation_protocol::keys::{KeyUse, SecretKey, Sign};
use federation_protocol::transparency::{
    Checkpoint, NoteSignature, SignedNote, Submission, TreeHash, consistency_proof, cosigned_at,
    leaf_hash, root, verify_checkpoint,
};
use federation_service::clock::{Clock, ManualClock, SystemClock};
use federation_service::peer_client::RawReply;
use house::{Hospital, House, Node, REGISTRY, text};
use musubi_registry::{Registry, RunningRegistry};

const DEADLINE: Duration = Duration::from_secs(5);
const MINATO: &str = "urn:musubi:member:0110000001";

/// A registry with one member, whose log it is.
struct Site {
    house: House,
    registry: RunningRegistry,
    node: Node,
    log: SecretKey,
    minato: Hospital,
}

impl Site {
    async fn start() -> Self {
        let house = House::new(0);
        let clock = ManualClock::at(SystemClock.now().plus_seconds(30));
        let registry = Registry::start(house.config(), Arc::<ManualClock>::clone(&clock)).unwrap();
        let minato = Hospital::new("0110000001", 1);
        let log = SecretKey::from_seed([77; 32]);
        let mut profile = minato.profile();
        let (from, until) = (profile.keys[0].not_before, profile.keys[0].not_after);
        profile
            .keys
            .push(KeyStatement::of(KeyUse::Log, &log.public(), from, until));
        let others: [&dyn Sign; 2] = [&minato.consent, &log];
        let description = MemberDescription::new(profile, "test 1", [7; 16], minato.described_at)
            .sign(&minato.sign, &others);
        let file = house.path("minato.jws");
        std::fs::write(&file, description).unwrap();
        let approver = house.path("approver.pem");
        let (file, approver) = (file.to_str().unwrap(), approver.to_str().unwrap());
        house.json(&["member", "add", file, "--approver-key", approver]);
        let node = Node::joins(registry.url(), &house.pin, clock.now()).await;
        Self {
            house,
            registry,
            node,
            log,
            minato,
        }
    }

    fn submission(&self, old_size: u64, leaves: &[TreeHash]) -> Submission {
        let mut nodes = leaves;
        let size = leaves.len() as u64;
        let checkpoint = Checkpoint {
            origin: MINATO.to_owned(),
            size,
            root: root(&mut nodes, size).unwrap(),
        };
        Submission {
            old_size,
            proof: consistency_proof(&mut nodes, old_size.min(size), size).unwrap(),
            note: checkpoint.sign(&self.log, &self.log.public()),
        }
    }

    async fn submit(&self, submission: &Submission) -> RawReply {
        self.node.client.submit(submission, DEADLINE).await.unwrap()
    }

    async fn status_of(&self, old_size: u64, leaves: &[TreeHash]) -> u16 {
        self.submit(&self.submission(old_size, leaves)).await.status
    }

    /// When the registry cosigned this note, by the keys that its root names.
    fn is_cosigned(&self, note: &SignedNote) -> bool {
        let online = &self.node.root.document().online;
        let may = online
            .iter()
            .filter(|key| key.may.contains(&DocumentKind::Status));
        let keys: Vec<_> = may.map(|key| key.x.clone()).collect();
        cosigned_at(note, REGISTRY, &keys).unwrap().is_some()
    }
}

fn leaves(count: u8, forged: Option<u8>) -> Vec<TreeHash> {
    let leaf = |n| match forged == Some(n) {
        true => leaf_hash(b"forged"),
        false => leaf_hash(&[n]),
    };
    (0..count).map(leaf).collect()
}

fn body(reply: &RawReply) -> String {
    String::from_utf8(reply.body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_log_that_grows_is_cosigned_by_a_key_that_root_names_and_shown_to_everyone() {
    let site = Site::start().await;
    let all = leaves(20, None);
    assert!(
        site.node
            .client
            .checkpoint(&site.minato.id, DEADLINE)
            .await
            .is_err()
    );
    for (old, new) in [(0, 7), (7, 7), (7, 20)] {
        let submission = site.submission(old, &all[..new]);
        let reply = site.submit(&submission).await;
        assert_eq!(reply.status, 200, "{}", body(&reply));
        let mut note = submission.note;
        let lines = NoteSignature::parse_lines(&body(&reply)).unwrap();
        note.signatures.extend(lines);
        assert!(site.is_cosigned(&note));
        let shown = site.node.client.checkpoint(&site.minato.id, DEADLINE).await;
        let shown = SignedNote::parse(text(shown.unwrap()).as_bytes()).unwrap();
        assert!(site.is_cosigned(&shown));
        let head = verify_checkpoint(&shown, MINATO, [&site.log.public()]).unwrap();
        assert_eq!(head.size, new as u64);
    }
    site.registry.stop().await;
}

#[tokio::test]
async fn a_log_that_was_put_back_or_changed_is_refused_and_told_where_it_was() {
    let site = Site::start().await;
    let (all, forged) = (leaves(20, None), leaves(20, Some(3)));
    assert_eq!(site.status_of(0, &all[..12]).await, 200);
    let back = site.submit(&site.submission(0, &all[..5])).await;
    assert_eq!((back.status, body(&back).as_str()), (409, "12\n"));
    assert_eq!(back.headers["content-type"], "text/x.tlog.size");
    assert_eq!(site.status_of(12, &forged[..12]).await, 409);
    assert_eq!(site.status_of(12, &forged).await, 422);
    assert_eq!(site.status_of(12, &all).await, 200);

    // Only an operator's word lets it begin anew, and that is kept.
    let reset = [
        "witness",
        "reset",
        MINATO,
        "--reason",
        "restored from backup",
    ];
    assert!(site.house.command(&reset).status.success());
    assert_eq!(site.status_of(0, &forged[..5]).await, 200);
    let listed = site.house.json(&["witness", "list"]);
    assert_eq!(listed["heads"][0]["size"], 5);
    assert_eq!(listed["resets"][0]["size"], 20);
    assert_eq!(listed["resets"][0]["reason"], "restored from backup");
    let unknown = [
        "witness",
        "reset",
        "urn:musubi:member:0110000009",
        "--reason",
        "x",
    ];
    assert_eq!(site.house.command(&unknown).status.code(), Some(1));
    site.registry.stop().await;
}

#[tokio::test]
async fn nobody_moves_the_log_of_another() {
    let site = Site::start().await;
    let all = leaves(5, None);
    let mut stranger = site.submission(0, &all);
    let checkpoint = Checkpoint::parse(&stranger.note.text).unwrap();
    let other = SecretKey::from_seed([78; 32]);
    stranger.note = checkpoint.sign(&other, &other.public());
    assert_eq!(site.submit(&stranger).await.status, 403);
    // Not even with another key of the member.
    stranger.note = checkpoint.sign(&site.minato.sign, &site.minato.sign.public());
    assert_eq!(site.submit(&stranger).await.status, 403);
    for origin in ["urn:musubi:member:0110000009", "example.com/log"] {
        let checkpoint = Checkpoint {
            origin: origin.to_owned(),
            ..checkpoint.clone()
        };
        stranger.note = checkpoint.sign(&site.log, &site.log.public());
        assert_eq!(site.submit(&stranger).await.status, 404, "{origin}");
    }
    let mut ahead = site.submission(0, &all);
    ahead.old_size = 9;
    assert_eq!(site.submit(&ahead).await.status, 400);
    assert!(
        site.node
            .client
            .checkpoint(&site.minato.id, DEADLINE)
            .await
            .is_err()
    );
    site.registry.stop().await;
}
