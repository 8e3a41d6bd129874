#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::fs::{Permissions, set_permissions};
use std::sync::Arc;

use federation_protocol::keys::{SealSecretKey, SecretKey};
use proptest::prelude::*;

use super::*;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::from_variable(text, "test").unwrap()
}

fn right() -> Passphrase {
    passphrase("a passphrase of this test")
}

/// One key of each kind that a node keeps, as its file holds it plain.
fn keys() -> Vec<Vec<u8>> {
    let tls = crate::loopback::identity();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("c"), folder.path().join("k"));
    tls.write_pem(&certificate, &key).unwrap();
    vec![
        SecretKey::from_seed([7; 32])
            .to_pkcs8_pem()
            .unwrap()
            .as_bytes()
            .to_vec(),
        SealSecretKey::from_bytes([8; 32])
            .to_pkcs8_pem()
            .as_bytes()
            .to_vec(),
        vec![9; 32],
        std::fs::read(key).unwrap(),
    ]
}

#[test]
fn every_kind_of_key_comes_out_as_it_went_in() {
    let path = Path::new("key");
    for key in keys() {
        let sealed = seal(path, &key, &right()).unwrap();
        assert!(is_sealed(&sealed) && !is_sealed(&key));
        let raw = String::from_utf8_lossy(&sealed);
        assert!(!raw.contains("BEGIN PRIVATE KEY"));
        let opened = open(path, &sealed, Some(&right())).unwrap();
        assert_eq!(opened.as_slice(), key.as_slice());
    }
}

#[test]
fn openssl_opens_what_we_seal_and_we_open_what_it_seals() {
    let path = Path::new("key");
    let key = keys().remove(3);
    let sealed = seal(path, &key, &right()).unwrap();
    let theirs =
        openssl::pkey::PKey::private_key_from_pem_passphrase(&sealed, right().bytes()).unwrap();
    assert_eq!(theirs.private_key_to_pem_pkcs8().unwrap(), key);

    let cipher = openssl::symm::Cipher::aes_256_cbc();
    let sealed = theirs
        .private_key_to_pem_pkcs8_passphrase(cipher, right().bytes())
        .unwrap();
    let opened = open(path, &sealed, Some(&right())).unwrap();
    assert_eq!(opened.as_slice(), key.as_slice());
}

#[test]
fn a_wrong_and_a_missing_passphrase_are_told_apart() {
    let path = Path::new("key");
    let sealed = seal(path, &keys()[0], &right()).unwrap();
    let none = open(path, &sealed, None).err().unwrap();
    assert!(matches!(none, KeyFileError::NoPassphrase(_)), "{none}");
    for _ in 0..8 {
        let sealed = seal(path, &keys()[0], &right()).unwrap();
        let other = passphrase("a passphrase of another");
        let wrong = open(path, &sealed, Some(&other)).err().unwrap();
        assert!(matches!(wrong, KeyFileError::WrongPassphrase(_)), "{wrong}");
    }
}

#[test]
fn the_same_key_is_never_sealed_into_the_same_bytes() {
    let key = &keys()[0];
    let sealed = || seal(Path::new("key"), key, &right()).unwrap();
    assert_ne!(sealed().as_slice(), sealed().as_slice());
}

#[test]
fn a_passphrase_is_the_first_line_of_a_file_that_nobody_else_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passphrase");
    std::fs::write(&path, "  sixteen letters!\r\nnot this\n").unwrap();
    set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let source = PassphraseSource::File(path.clone());
    let read = source.passphrase().unwrap().unwrap();
    assert_eq!(read.bytes(), b"sixteen letters!");

    set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
    assert!(matches!(
        source.passphrase().err().unwrap(),
        KeyFileError::Mode { mode: 0o440, .. }
    ));
    let lent = PassphraseSource::Credential(path.clone());
    assert!(lent.passphrase().is_ok(), "systemd's list shows as 0440");
    set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    assert!(lent.passphrase().is_err());

    for unfit in ["", "\n", "fifteen letters", "   fifteen letters   "] {
        std::fs::write(&path, unfit).unwrap();
        set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let refused = source.passphrase().err().unwrap();
        assert!(
            matches!(refused, KeyFileError::Passphrase { .. }),
            "{unfit:?}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    assert!(source.passphrase().is_err(), "never on without");
}

#[test]
fn nothing_that_is_shown_holds_the_passphrase() {
    let held = Arc::new(passphrase("a-secret-that-nobody-sees"));
    let source = PassphraseSource::Variable(held);
    assert!(!format!("{source:?}").contains("secret"));
    let sealed = seal(Path::new("key"), &keys()[0], &right()).unwrap();
    let refused = open(
        Path::new("key"),
        &sealed,
        source.passphrase().unwrap().as_deref(),
    );
    let refused = refused.err().unwrap();
    assert!(!format!("{refused:?} {refused}").contains("secret"));
}

#[test]
fn a_file_is_replaced_whole_and_what_a_killed_process_left_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sign.pem");
    let key = &keys()[0];
    write_new(&path, key, None).unwrap();
    // Killed while it wrote the draft: the key is where it was, and the next attempt succeeds.
    std::fs::write(draft_of(&path), "half of").unwrap();
    assert_eq!(read(&path, None).unwrap().as_slice(), key.as_slice());

    replace_sealed(&path, key, &right()).unwrap();

    assert!(is_sealed_at(&path).unwrap());
    assert!(!draft_of(&path).exists());
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let opened = read(&path, Some(&right())).unwrap();
    assert_eq!(opened.as_slice(), key.as_slice());
    assert!(matches!(
        write_new(&path, key, None).err().unwrap(),
        KeyFileError::Exists(_)
    ));
}

#[test]
fn modes_that_others_could_use_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sign.pem");
    write_new(&path, &keys()[0], None).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601, 0o4600] {
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let refused = read(&path, None).err().unwrap();
        assert!(matches!(refused, KeyFileError::Mode { mode: seen, .. } if seen == mode));
    }
    let open = folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    set_permissions(&open, Permissions::from_mode(0o750)).unwrap();
    assert!(make_folder(&open).is_err());
}

#[test]
fn a_file_that_asks_for_hours_of_work_is_refused_before_any() {
    let parameters = |cost: u64| {
        let mut made = pkcs8::pkcs5::pbes2::Parameters::generate_scrypt(&mut getrandom::SysRng);
        if let Ok(made) = &mut made
            && let pkcs8::pkcs5::pbes2::Kdf::Scrypt(asked) = &mut made.kdf
        {
            asked.cost_parameter = cost;
        }
        made.unwrap()
    };
    let sealed = pkcs8::EncryptedPrivateKeyInfoRef {
        encryption_algorithm: parameters(1 << 40).into(),
        encrypted_data: pkcs8::der::asn1::OctetStringRef::new(&[0; 64]).unwrap(),
    };
    let document = pkcs8::der::SecretDocument::try_from(&sealed).unwrap();
    let pem = document
        .to_pem("ENCRYPTED PRIVATE KEY", pkcs8::der::pem::LineEnding::LF)
        .unwrap();
    let refused = open(Path::new("key"), pem.as_bytes(), Some(&right()));
    assert!(matches!(refused.err().unwrap(), KeyFileError::Malformed(_)));
}

proptest! {
    #[test]
    fn opening_bytes_from_outside_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..512),
        at in 0_usize..600,
        with in any::<u8>(),
    ) {
        let path = Path::new("key");
        let _refused = open(path, &bytes, None);
        let mut framed = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n".to_vec();
        framed.extend_from_slice(&bytes);
        framed.extend_from_slice(b"\n-----END ENCRYPTED PRIVATE KEY-----\n");
        let _refused = open(path, &framed, None);
        // A sealed key with one byte changed, read without paying for the passphrase.
        let mut sealed = KNOWN.as_bytes().to_vec();
        let at = at % sealed.len();
        sealed[at] = with;
        let _refused = open(path, &sealed, None);
    }

    #[test]
    fn only_what_is_a_key_is_sealed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let sealed = seal(Path::new("key"), &bytes, &right());
        prop_assert_eq!(sealed.is_ok(), bytes.len() == 32);
    }
}

#[test]
fn what_openssl_sealed_with_scrypt_opens() {
    let opened = open(Path::new("key"), KNOWN.as_bytes(), Some(&right())).unwrap();
    let text = std::str::from_utf8(&opened).unwrap();
    assert!(SecretKey::from_pkcs8_pem(text).is_ok());
}

/// `openssl genpkey -algorithm ed25519 | openssl pkcs8 -topk8 -scrypt -v2 aes-256-cbc`, with the
/// passphrase of these tests.
const KNOWN: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGTME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAhPNbk5oRpdgQICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBCgGPDLQDsFdoRcm+6dS+bkBEAG9oyDuNV4WKvE
6zx0jaA4HP0QPa/nSWndy6ikaDRPpaGYWYXlDHEI+V/vqv++cPFC2lRURjB8l7Cn
wkJIKHt/
-----END ENCRYPTED PRIVATE KEY-----
";
