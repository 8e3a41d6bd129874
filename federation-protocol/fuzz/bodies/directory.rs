//! Any bytes as one of the registry's documents, a description, a change of keys or a link, and as a rightly signed
//! payload of one: behind the signature stands a parser too.

use std::sync::LazyLock;

use federation_protocol::directory::{
    DESCRIPTION_TYP, DIRECTORY_TYP, Directory, ENTRY_TYP, Entry, KEY_REVOCATION_TYP, KeyChange,
    LONGEST_KEY_CHANGE, MemberDescription, Membership, ROOT_TYP, ROTATION_TYP, Reading,
    ReplacementRequest, Root, STATUS_TYP, Status,
};
use federation_protocol::jws::{General, PayloadHash, sign_compact};
use federation_protocol::link::{LINK_TYP, LinkAssertion};
use federation_protocol::sample::{NOW, SampleMember, SampleRegistry};

static MEMBER: LazyLock<SampleMember> = LazyLock::new(|| SampleMember::new("0110000001", 10));
static REGISTRY: LazyLock<SampleRegistry> =
    LazyLock::new(|| SampleRegistry::of([MEMBER.profile()]));
static ROOT: LazyLock<Root> = LazyLock::new(|| REGISTRY.accepted_root());
static MEMBERSHIP: LazyLock<Membership> = LazyLock::new(|| REGISTRY.membership());

pub(crate) fn run(data: &[u8]) {
    let _ = Root::pinned(data, &ROOT.hash(), Reading::Fresh, NOW);
    let _ = ROOT.successor(data, Reading::Fresh, NOW);
    if let Ok(text) = std::str::from_utf8(data) {
        read(text, text, text, text);
        let _ = ReplacementRequest::read(text);
    }

    let root = General::new(data)
        .signed(ROOT_TYP, &REGISTRY.root)
        .to_json();
    let _ = Root::pinned(root.as_bytes(), &PayloadHash::of(data), Reading::Fresh, NOW);
    let entry = General::new(data).signed(ENTRY_TYP, &REGISTRY.approver);
    let _ = Entry::verify(&entry, ROOT.document());
    let _ = General::parse(data, LONGEST_KEY_CHANGE).map(|said| KeyChange::read(&said));
    let mut document = REGISTRY.directory_document();
    for typ in [ROTATION_TYP, KEY_REVOCATION_TYP] {
        let said = General::new(data).signed(typ, &MEMBER.sign);
        for listed in &mut document.members {
            listed.key_changes = vec![said.clone()];
        }
        let signed = document.sign(&REGISTRY.directory);
        assert!(Directory::accept(&signed.jws, &ROOT, None, Reading::Fresh, NOW).is_err());
    }
    let request = ReplacementRequest {
        description: std::str::from_utf8(data).ok().map(str::to_owned),
        entry,
    };
    let _ = request.check(&MEMBER.profile());
    read(
        &sign_compact(DIRECTORY_TYP, data, &REGISTRY.directory),
        &sign_compact(STATUS_TYP, data, &REGISTRY.status),
        &sign_compact(DESCRIPTION_TYP, data, &MEMBER.sign),
        &sign_compact(LINK_TYP, data, &MEMBER.sign),
    );
}

fn read(directory: &str, status: &str, description: &str, link: &str) {
    let known = MEMBERSHIP.directory();
    let _ = Directory::accept(directory, &ROOT, Some(known), Reading::Fresh, NOW);
    let _ = Status::accept(status, &ROOT, None, Reading::Fresh, NOW);
    let _ = MemberDescription::verify(description);
    let _ = LinkAssertion::verify(link, &MEMBER.id, &MEMBERSHIP, NOW);
}
