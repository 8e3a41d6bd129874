//! A software authenticator: what a phone's secure element does at the other end of WebAuthn.
//!
//! Source: Web Authentication Level 3 sections 5.8.1, 6.1, 6.5; RFC 9053 section 7.1.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::Private;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

/// A passkey on somebody's device, and how that device behaves.
#[derive(Clone)]
pub(crate) struct Authenticator {
    key: EcKey<Private>,
    pub(crate) credential: Vec<u8>,
    pub(crate) user_handle: Vec<u8>,
    pub(crate) origin: String,
    pub(crate) rp_id: String,
    pub(crate) counter: u32,
    pub(crate) verifies: bool,
}

impl Authenticator {
    /// A device whose browser shows a page of `origin`.
    pub(crate) fn at(origin: &str) -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let mut credential = vec![0; 32];
        getrandom::fill(&mut credential).unwrap();
        let url: reqwest::Url = origin.parse().unwrap();
        Self {
            key: EcKey::generate(&group).unwrap(),
            credential,
            user_handle: Vec::new(),
            origin: origin.into(),
            rp_id: url.host_str().unwrap().into(),
            counter: 0,
            verifies: true,
        }
    }

    /// Makes the passkey that `options` (`PublicKeyCredentialCreationOptions`) ask for.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        let selection = &options["authenticatorSelection"];
        assert_eq!(selection["residentKey"], "required");
        assert_eq!(selection["requireResidentKey"], true);
        assert_eq!(selection["userVerification"], "required");
        self.user_handle = bytes(&options["user"]["id"]);
        let client = self.client("webauthn.create", options);
        let mut data = self.data(ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential.len()).unwrap().to_be_bytes());
        data.extend(&self.credential);
        data.extend(self.cose());
        let mut object = vec![0xa3];
        object.extend(text("fmt"));
        object.extend(text("none"));
        object.extend(text("attStmt"));
        object.push(0xa0);
        object.extend(text("authData"));
        object.extend(byte_string(&data));
        json!({
            "id": encoded(&self.credential),
            "rawId": encoded(&self.credential),
            "type": "public-key",
            "response": {
                "clientDataJSON": encoded(&client),
                "attestationObject": encoded(&object),
            },
            "clientExtensionResults": {},
        })
    }

    /// Shows the passkey for `options` (`PublicKeyCredentialRequestOptions`).
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        assert_eq!(options["userVerification"], "required");
        self.counter += 1;
        let client = self.client("webauthn.get", options);
        let data = self.data(0);
        let mut signed = data.clone();
        signed.extend(Sha256::digest(&client));
        let digest = Sha256::digest(&signed);
        let signature = EcdsaSig::sign(&digest, &self.key).unwrap();
        json!({
            "id": encoded(&self.credential),
            "rawId": encoded(&self.credential),
            "type": "public-key",
            "response": {
                "clientDataJSON": encoded(&client),
                "authenticatorData": encoded(&data),
                "signature": encoded(&signature.to_der().unwrap()),
                "userHandle": encoded(&self.user_handle),
            },
            "clientExtensionResults": {},
        })
    }

    fn client(&self, kind: &str, options: &Value) -> Vec<u8> {
        let client = json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        });
        client.to_string().into_bytes()
    }

    fn data(&self, more: u8) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        let mut data = Sha256::digest(self.rp_id.as_bytes()).to_vec();
        data.push(PRESENT | verified | more);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// The public key in COSE: EC2, ES256, P-256.
    fn cose(&self) -> Vec<u8> {
        let mut context = BigNumContext::new().unwrap();
        let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        let point = self.key.public_key();
        point
            .affine_coordinates(self.key.group(), &mut x, &mut y, &mut context)
            .unwrap();
        let mut cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21];
        cose.extend(byte_string(&x.to_vec_padded(32).unwrap()));
        cose.push(0x22);
        cose.extend(byte_string(&y.to_vec_padded(32).unwrap()));
        cose
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut cbor = vec![0x60 | u8::try_from(text.len()).unwrap()];
    cbor.extend(text.bytes());
    cbor
}

fn byte_string(bytes: &[u8]) -> Vec<u8> {
    let mut cbor = match u8::try_from(bytes.len()) {
        Ok(length) => vec![0x58, length],
        Err(_) => {
            let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            vec![0x59, length[0], length[1]]
        }
    };
    cbor.extend(bytes);
    cbor
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}
