//! Any bytes as a status list, as the payload of a rightly signed one, and as its packed bits.

use std::sync::LazyLock;

use federation_protocol::base64url;
use federation_protocol::directory::Membership;
use federation_protocol::jws::sign_compact;
use federation_protocol::sample::{NOW, SampleMember, SampleRegistry};
use federation_protocol::status_list::{STATUS_LIST_TYP, verify_status_list};

static HOME: LazyLock<SampleMember> = LazyLock::new(|| SampleMember::new("0110000001", 10));
static MEMBERSHIP: LazyLock<Membership> =
    LazyLock::new(|| SampleRegistry::of([HOME.profile()]).membership());

const URI: &str = "https://0110000001.example.jp/federation/v1/status-lists/1";

pub(crate) fn run(data: &[u8]) {
    if let Ok(list) = std::str::from_utf8(data) {
        judge(list);
    }
    judge(&sign_compact(STATUS_LIST_TYP, data, &HOME.consent));
    let (iat, exp) = (NOW.unix_seconds(), NOW.plus_seconds(240).unix_seconds());
    let lst = base64url::encode(data);
    let claims = format!(
        r#"{{"sub":"{URI}","iat":{iat},"exp":{exp},"ttl":30,"status_list":{{"bits":1,"lst":"{lst}"}}}}"#
    );
    judge(&sign_compact(
        STATUS_LIST_TYP,
        claims.as_bytes(),
        &HOME.consent,
    ));
}

fn judge(list: &str) {
    let _ = verify_status_list(list, &HOME.id, URI, &*MEMBERSHIP, NOW);
}
