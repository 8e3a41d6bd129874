//! A small registry with fixed keys, for tests and examples: every document really signed.
//!
//! Compiled for this crate's tests, and for others' with the feature `sample`. The keys are made
//! of published seeds: nothing here may ever serve a patient.

#![allow(
    clippy::expect_used,
    reason = "a sample that cannot be made fails its test"
)]

use crate::directory::{
    Certificate, Directory, DirectoryDocument, DirectoryPosition, DocumentKind, Endpoints, Entry,
    KeyQuorum, KeyStatement, ListedMember, Membership, NamedKey, Names, OnlineKey, Policy, Profile,
    ProtocolRange, Reading, RegistryTls, Root, RootDocument, STATUS_LIFE_SECONDS, SignedDocument,
    Status, StatusDocument,
};
use crate::keys::{Fingerprint, KeyUse, SealSecretKey, SecretKey};
use crate::member::{MemberId, MemberState};
use crate::time::Timestamp;

/// The moment at which the sample lives: 2026-07-01T00:00:00Z, as the golden tokens.
pub const NOW: Timestamp = Timestamp::from_unix_seconds(1_782_864_000);

/// The sample registry's id.
pub const REGISTRY: &str = "urn:musubi:registry:sample";

const YEAR: i64 = 365 * 86_400;

/// A member with its secret keys.
pub struct SampleMember {
    /// Its id.
    pub id: MemberId,
    /// Signs requests and answers.
    pub sign: SecretKey,
    /// Signs tokens.
    pub consent: SecretKey,
    /// May only revoke and replace.
    pub recovery: SecretKey,
    /// Reads what is sealed to it.
    pub seal: SealSecretKey,
    /// Stands for its TLS certificate's DER.
    pub certificate: Vec<u8>,
}

impl SampleMember {
    /// A member with this institution number or `x-label`, its keys made of `seed`.
    #[must_use]
    pub fn new(code: &str, seed: u8) -> Self {
        let key = |salt: u8| {
            let mut bytes = [seed; 32];
            bytes
                .as_mut_slice()
                .iter_mut()
                .take(1)
                .for_each(|byte| *byte = salt);
            bytes
        };
        Self {
            id: MemberId::from_code(code).expect("a member's code"),
            sign: SecretKey::from_seed(key(1)),
            consent: SecretKey::from_seed(key(2)),
            recovery: SecretKey::from_seed(key(3)),
            seal: SealSecretKey::from_bytes(key(4)),
            certificate: format!("certificate of {code}").into_bytes(),
        }
    }

    /// The fingerprint of its certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_certificate(&self.certificate)
    }

    /// What its entry says.
    #[must_use]
    pub fn profile(&self) -> Profile {
        let (from, until) = (NOW.plus_seconds(-YEAR), NOW.plus_seconds(YEAR));
        let ed25519 =
            |key_use, key: &SecretKey| KeyStatement::of(key_use, &key.public(), from, until);
        let keys = vec![
            ed25519(KeyUse::Sign, &self.sign),
            ed25519(KeyUse::Consent, &self.consent),
            ed25519(KeyUse::Recovery, &self.recovery),
            KeyStatement::of_seal(self.seal.public(), from, until),
        ];
        let endpoint = format!("https://{}.example.jp", self.id.code());
        profile(&self.id, &endpoint, keys, &self.certificate)
    }
}

/// A profile of given keys.
#[must_use]
pub fn profile(
    id: &MemberId,
    endpoint: &str,
    keys: Vec<KeyStatement>,
    certificate: &[u8],
) -> Profile {
    Profile {
        id: id.clone(),
        names: Names {
            ja: "みなと病院".into(),
            kana: "ミナトビョウイン".into(),
            en: "Minato Hospital".into(),
        },
        region: "01".into(),
        phone: None,
        operator: id.code().to_owned(),
        endpoints: Endpoints {
            federation: endpoint.to_owned(),
        },
        keys,
        certificates: vec![Certificate::from_der(certificate.to_vec())],
        protocol: ProtocolRange { min: 1, max: 1 },
        capabilities: Vec::new(),
    }
}

/// The sample registry's keys and the members that it lists.
pub struct SampleRegistry {
    /// Signs root, alone.
    pub root: SecretKey,
    /// Signs the directory.
    pub directory: SecretKey,
    /// Signs the status.
    pub status: SecretKey,
    /// Asks for an echo, as the registry.
    pub probe: SecretKey,
    /// Signs entries, alone.
    pub approver: SecretKey,
    /// Whom the directory lists, and where they stand.
    pub members: Vec<(Profile, MemberState)>,
}

impl SampleRegistry {
    /// A registry of active members.
    #[must_use]
    pub fn of(profiles: impl IntoIterator<Item = Profile>) -> Self {
        Self {
            root: SecretKey::from_seed([241; 32]),
            directory: SecretKey::from_seed([242; 32]),
            status: SecretKey::from_seed([243; 32]),
            probe: SecretKey::from_seed([245; 32]),
            approver: SecretKey::from_seed([244; 32]),
            members: profiles
                .into_iter()
                .map(|profile| (profile, MemberState::Active))
                .collect(),
        }
    }

    /// Root's payload.
    #[must_use]
    pub fn root_document(&self) -> RootDocument {
        let alone = |key: &SecretKey| KeyQuorum {
            threshold: 1,
            keys: vec![NamedKey::of(&key.public())],
        };
        let online = |key: &SecretKey, kind| OnlineKey {
            kid: key.kid().clone(),
            x: key.public(),
            may: vec![kind],
        };
        RootDocument {
            ver: 1,
            iss: REGISTRY.into(),
            seq: 1,
            prev: None,
            iat: NOW.plus_seconds(-86_400),
            exp: NOW.plus_seconds(YEAR - 86_400),
            registry: RegistryTls {
                certificates: vec![Certificate::from_der(
                    b"certificate of the registry".to_vec(),
                )],
            },
            root: alone(&self.root),
            online: vec![
                online(&self.directory, DocumentKind::Directory),
                online(&self.status, DocumentKind::Status),
                online(&self.probe, DocumentKind::Probe),
            ],
            approvers: alone(&self.approver),
        }
    }

    /// Root as served.
    #[must_use]
    pub fn root_signed(&self) -> SignedDocument {
        self.root_document().sign(&[&self.root])
    }

    /// Root as accepted.
    #[must_use]
    pub fn accepted_root(&self) -> Root {
        let root = self.root_signed();
        Root::pinned(root.jws.as_bytes(), &root.hash, Reading::Fresh, NOW).expect("the sample root")
    }

    /// An entry's payload, version 1.
    #[must_use]
    pub fn entry(&self, profile: &Profile) -> Entry {
        Entry::new(REGISTRY, 1, profile.clone(), NOW.plus_seconds(-3_600))
    }

    /// The directory's payload, `seq` 1.
    #[must_use]
    pub fn directory_document(&self) -> DirectoryDocument {
        let list = |(profile, state): &(Profile, MemberState)| ListedMember {
            state: *state,
            since: NOW.plus_seconds(-3_600),
            entry: self.entry(profile).sign(&[&self.approver]),
            key_changes: Vec::new(),
            pending: None,
        };
        DirectoryDocument {
            ver: 1,
            iss: REGISTRY.into(),
            seq: 1,
            prev: None,
            iat: NOW.plus_seconds(-600),
            exp: NOW.plus_seconds(7 * 86_400),
            members: self.members.iter().map(list).collect(),
            archive: Vec::new(),
            policy: Policy { poll_seconds: 20 },
        }
    }

    /// A status payload that names this directory, `seq` 1, made at [`NOW`].
    #[must_use]
    pub fn status_document(&self, directory: &SignedDocument, seq: u64) -> StatusDocument {
        StatusDocument {
            ver: 1,
            iss: REGISTRY.into(),
            seq: 1,
            iat: NOW,
            exp: NOW.plus_seconds(STATUS_LIFE_SECONDS),
            directory: DirectoryPosition {
                seq,
                hash: directory.hash,
            },
            suspended: Vec::new(),
            revoked: Vec::new(),
            maintenance: Vec::new(),
        }
    }

    /// What a node has accepted at [`NOW`].
    #[must_use]
    pub fn membership(&self) -> Membership {
        self.membership_where(|_| ())
    }

    /// The same with a changed status.
    #[must_use]
    pub fn membership_where(&self, change: impl FnOnce(&mut StatusDocument)) -> Membership {
        let root = self.accepted_root();
        let signed = self.directory_document().sign(&self.directory);
        let directory = Directory::accept(&signed.jws, &root, None, Reading::Fresh, NOW);
        let mut status = self.status_document(&signed, 1);
        change(&mut status);
        let status = status.sign(&self.status);
        let status = Status::accept(&status.jws, &root, None, Reading::Stored, NOW);
        Membership::new(
            root,
            directory.expect("the sample directory"),
            status.expect("the sample status"),
        )
        .expect("documents of one registry")
    }
}
