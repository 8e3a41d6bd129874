//! The phone file's JSON.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use federation_protocol::link::PatientHandle;
use federation_protocol::member::MemberId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{DeviceKey, PhoneError};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhoneFile {
    pub(super) version: u32,
    pub(super) person: String,
    pub(super) home: MemberId,
    pub(super) keys: Vec<KeyEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyEntry {
    responder: MemberId,
    seed: Zeroizing<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<PatientHandle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assertion: Option<String>,
}

impl KeyEntry {
    pub(super) fn opened(self) -> Result<DeviceKey, PhoneError> {
        let malformed = |_refused| PhoneError::Malformed("a seed");
        let bytes = Zeroizing::new(
            URL_SAFE_NO_PAD
                .decode(self.seed.as_str())
                .map_err(malformed)?,
        );
        let mut seed = Zeroizing::new([0; 32]);
        if bytes.len() != seed.len() {
            return Err(PhoneError::Malformed("a seed"));
        }
        seed.copy_from_slice(&bytes);
        let link = match (self.handle, self.assertion) {
            (Some(handle), Some(assertion)) => Some((handle, assertion)),
            (None, None) => None,
            _half => return Err(PhoneError::Malformed("a link without its assertion")),
        };
        Ok(DeviceKey {
            responder: self.responder,
            seed,
            link,
        })
    }

    pub(super) fn closed(key: &DeviceKey) -> Self {
        let (handle, assertion) = key.link.clone().unzip();
        let seed = Zeroizing::new(URL_SAFE_NO_PAD.encode(key.seed.as_slice()));
        KeyEntry {
            responder: key.responder.clone(),
            seed,
            handle,
            assertion,
        }
    }
}
