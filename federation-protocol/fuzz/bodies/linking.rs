//! Any bytes as what is said to make a link, and as its answers: what is read is written back as the
//! same. The same bytes as commitments: they make proofs or none.

use federation_protocol::grants::PlainCode;
use federation_protocol::keys::SecretKey;
use federation_protocol::linking::comparison::{BirthFacts, Blind, Commitment, Meeting, Sex};
use federation_protocol::linking::{LinkBegun, LinkMade, LinkMessage};
use federation_protocol::member::MemberId;

pub(crate) fn run(data: &[u8]) {
    if let Ok(message) = LinkMessage::from_json(data) {
        let again = serde_json::to_vec(&message).ok();
        let again = again.and_then(|body| LinkMessage::from_json(&body).ok());
        assert_eq!(again, Some(message));
    }
    let _ = LinkMade::from_json(data);
    let _ = LinkBegun::from_json(data);
    if let Some(point) = data.first_chunk::<32>() {
        compare(Commitment(*point));
    }
}

fn compare(theirs: Commitment) {
    let [home, responder] = ["0110000001", "0110000002"].map(MemberId::from_code);
    let (Ok(home), Ok(responder), Some(blind)) = (home, responder, Blind::kept(&[7; 32])) else {
        return;
    };
    let device_key = SecretKey::from_seed([9; 32]).public();
    let meeting = Meeting {
        home: &home,
        responder: &responder,
        code: &PlainCode::read("7K2QX-9D4HM"),
        device_key: &device_key,
    };
    let facts = BirthFacts {
        year: 1958,
        sex: Sex::Female,
    };
    let ours = blind.commit(&meeting, facts);
    let _ = blind.proofs_at_home(&meeting, &ours, &theirs);
}
