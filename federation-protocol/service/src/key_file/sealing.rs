//! What a sealed key looks like: PKCS#8 `EncryptedPrivateKeyInfo`, PEM.
//!
//! Source: RFC 5958 section 3, RFC 8018 section 6.2, RFC 7914 section 7.1.

use std::path::Path;

use pkcs8::der::pem::LineEnding;
use pkcs8::der::{Decode as _, SecretDocument};
use pkcs8::pkcs5::pbes2::{Kdf, Parameters};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::{KeyFileError, Passphrase};

const SEALED_BEGIN: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
const SEALED_LABEL: &str = "ENCRYPTED PRIVATE KEY";
const PLAIN_LABEL: &str = "PRIVATE KEY";

/// What opening may cost at the most: a file that asks for more is not one of ours.
const LARGEST_COST: u64 = 1 << 17;
const LARGEST_BLOCK: u16 = 16;
const MOST_LANES: u16 = 16;
const MOST_ITERATIONS: u32 = 10_000_000;

/// The DER of a PKCS#8 key of the algorithm id-hmacWithSHA256 up to its 32 bytes: the form in which
/// a key that has no PEM of its own is sealed (RFC 8018 appendix B.1.2, OID 1.2.840.113549.2.9).
const PKCS8_HMAC: [u8; 23] = [
    0x30, 0x35, 0x02, 0x01, 0x00, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02,
    0x09, 0x05, 0x00, 0x04, 0x22, 0x04, 0x20,
];

/// Whether these are the bytes of a sealed key's file.
#[must_use]
pub fn is_sealed(held: &[u8]) -> bool {
    held.trim_ascii_start().starts_with(SEALED_BEGIN)
}

/// Seals a key as its file holds it plain: PEM `PRIVATE KEY`, or 32 bytes.
///
/// # Errors
/// `Malformed` when it is neither, `Entropy`.
pub fn seal(
    path: &Path,
    key: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let malformed = || KeyFileError::Malformed(path.to_path_buf());
    let document = plain_document(key).ok_or_else(malformed)?;
    let parameters = Parameters::generate_scrypt(&mut getrandom::SysRng)
        .map_err(|_none| KeyFileError::Entropy)?;
    let data = parameters
        .encrypt(passphrase.bytes(), document.as_bytes())
        .map_err(|_unsealed| malformed())?;
    let data = pkcs8::der::asn1::OctetStringRef::new(&data).map_err(|_long| malformed())?;
    let sealed = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: parameters.into(),
        encrypted_data: data,
    };
    let sealed = SecretDocument::try_from(&sealed).map_err(|_long| malformed())?;
    let pem = sealed
        .to_pem(SEALED_LABEL, LineEnding::LF)
        .map_err(|_long| malformed())?;
    Ok(Zeroizing::new(pem.as_bytes().to_vec()))
}

/// Opens a sealed key: what its file held before it was sealed.
///
/// # Errors
/// `NoPassphrase`, `Malformed` when it is none or asks for more work than any of ours,
/// `WrongPassphrase`.
pub fn open(
    path: &Path,
    sealed: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let malformed = || KeyFileError::Malformed(path.to_path_buf());
    let text = std::str::from_utf8(sealed.trim_ascii()).map_err(|_not| malformed())?;
    let (label, document) = SecretDocument::from_pem(text).map_err(|_not| malformed())?;
    if label != SEALED_LABEL {
        return Err(malformed());
    }
    let sealed =
        EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|_not| malformed())?;
    let parameters = sealed.encryption_algorithm.pbes2().ok_or_else(malformed)?;
    if !is_bearable(&parameters.kdf) {
        return Err(malformed());
    }
    let passphrase = passphrase.ok_or_else(|| KeyFileError::NoPassphrase(path.to_path_buf()))?;
    // CBC has no seal of its own: a wrong passphrase shows in the padding, and where that fits by
    // chance, in that no key stands there.
    sealed
        .decrypt(passphrase.bytes())
        .ok()
        .and_then(|document| plain_content(&document))
        .ok_or_else(|| KeyFileError::WrongPassphrase(path.to_path_buf()))
}

/// A stranger's file must not cost us all memory or an hour.
fn is_bearable(kdf: &Kdf) -> bool {
    match kdf {
        Kdf::Scrypt(asked) => {
            asked.cost_parameter <= LARGEST_COST
                && asked.block_size <= LARGEST_BLOCK
                && asked.parallelization <= MOST_LANES
        }
        Kdf::Pbkdf2(asked) => asked.iteration_count <= MOST_ITERATIONS,
        _ => false,
    }
}

/// The PKCS#8 document of a key as its file holds it plain.
fn plain_document(key: &[u8]) -> Option<SecretDocument> {
    let text = std::str::from_utf8(key.trim_ascii()).ok();
    if let Some((label, document)) = text.and_then(|text| SecretDocument::from_pem(text).ok()) {
        let is_key = PrivateKeyInfoRef::from_der(document.as_bytes()).is_ok();
        return (label == PLAIN_LABEL && is_key).then_some(document);
    }
    let key: &[u8; 32] = key.try_into().ok()?;
    let mut der = Zeroizing::new(Vec::with_capacity(PKCS8_HMAC.len() + key.len()));
    der.extend_from_slice(&PKCS8_HMAC);
    der.extend_from_slice(key);
    SecretDocument::try_from(der.as_slice()).ok()
}

fn plain_content(document: &SecretDocument) -> Option<Zeroizing<Vec<u8>>> {
    PrivateKeyInfoRef::from_der(document.as_bytes()).ok()?;
    if let Some(key) = document.as_bytes().strip_prefix(&PKCS8_HMAC) {
        return Some(Zeroizing::new(key.to_vec()));
    }
    let pem = document.to_pem(PLAIN_LABEL, LineEnding::LF).ok()?;
    Some(Zeroizing::new(pem.as_bytes().to_vec()))
}
