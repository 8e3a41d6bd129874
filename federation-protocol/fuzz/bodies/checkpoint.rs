//! Any bytes as a note, as a submission to a witness, in JSON too, as a witness's answer, and as a rightly signed checkpoint's text.

use std::sync::LazyLock;

use federation_protocol::keys::{PublicKey, SecretKey};
use federation_protocol::transparency::{
    Checkpoint, NoteSignature, SignedNote, Submission, WitnessReply, cosigned_at, key_id,
    verify_checkpoint,
};

static LOG: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::from_seed([7; 32]));
static PUBLIC: LazyLock<PublicKey> = LazyLock::new(|| LOG.public());

const ORIGIN: &str = "urn:musubi:member:0110000001";

pub(crate) fn run(data: &[u8]) {
    if let Ok(note) = SignedNote::parse(data) {
        assert_eq!(note.to_string().as_bytes(), data);
        judge(&note);
    }
    if let Ok(submission) = Submission::parse(data) {
        assert_eq!(submission.to_string().as_bytes(), data);
        judge(&submission.note);
    }
    if let Ok(submission) = Submission::from_json(data) {
        assert_eq!(Submission::from_json(&submission.to_json()), Ok(submission));
    }
    if let Ok(reply) = WitnessReply::from_json(data) {
        let written = serde_json::to_vec(&reply).unwrap_or_default();
        assert_eq!(WitnessReply::from_json(&written), Ok(reply));
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_text(), text);
    }
    for bytes in [LOG.sign(data).to_vec(), data.to_vec()] {
        for signature_type in [1, 4] {
            judge(&SignedNote {
                text: text.to_owned(),
                signatures: vec![NoteSignature {
                    name: ORIGIN.to_owned(),
                    key_id: key_id(ORIGIN, signature_type, &PUBLIC),
                    bytes: bytes.clone(),
                }],
            });
        }
    }
}

fn judge(note: &SignedNote) {
    let _ = verify_checkpoint(note, ORIGIN, [&*PUBLIC]);
    let _ = cosigned_at(note, ORIGIN, [&*PUBLIC]);
}
