//! Who measured: a kind of device and a pseudonym. The name that its owner gave it is personal
//! (花子のApple Watch) and goes no further than this file.

use std::collections::HashMap;
use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::ExportError;

/// What kind of device measured, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Device {
    /// Entered by a hand into the Health app or into our page.
    Hand,
    /// A watch. Where watch and phone counted at once, the watch is believed.
    AppleWatch,
    /// A phone.
    IPhone,
    /// A tablet.
    IPad,
    /// An app or a device of another maker.
    Other,
}

impl Device {
    /// As a physician reads it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hand => "手入力",
            Self::AppleWatch => "Apple Watch",
            Self::IPhone => "iPhone",
            Self::IPad => "iPad",
            Self::Other => "アプリ・機器",
        }
    }

    /// By the device's description, else by the source's name; both are only looked at.
    fn of(name: &str, device: &str) -> Self {
        let known = |text: &str| {
            [
                ("Watch", Self::AppleWatch),
                ("iPhone", Self::IPhone),
                ("iPad", Self::IPad),
            ]
            .into_iter()
            .find(|(word, _)| text.contains(word))
            .map(|(_, device)| device)
        };
        // `<<HKDevice: 0x30…>, name:Apple Watch, manufacturer:…, model:Watch, hardware:Watch7,3>`
        let model = device.split("model:").nth(1);
        let model = model.and_then(|rest| rest.split(',').next());
        let hardware = device.split("hardware:").nth(1);
        let hardware = hardware.and_then(|rest| rest.split(',').next());
        model
            .and_then(known)
            .or_else(|| hardware.and_then(known))
            .or_else(|| known(name))
            .unwrap_or(Self::Other)
    }
}

/// Who measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    device: Device,
    pseudonym: [u8; 4],
}

impl Source {
    /// A hand that entered a value on our page.
    #[must_use]
    pub const fn hand() -> Self {
        Self {
            device: Device::Hand,
            pseudonym: [0; 4],
        }
    }

    /// What kind of device it was.
    #[must_use]
    pub const fn device(self) -> Device {
        self.device
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.device.label())?;
        if self.device == Device::Hand {
            return Ok(());
        }
        f.write_str(" ")?;
        self.pseudonym
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Makes pseudonyms of one person's devices: the same for the same name, and worth nothing without
/// the key. A digest without one would be guessed from a list of first names.
#[derive(Clone)]
pub struct Pseudonyms(Hmac<Sha256>);

impl Pseudonyms {
    /// Under a secret key of one person's.
    #[must_use]
    pub fn under(key: &[u8]) -> Self {
        // HMAC takes keys of every length.
        let made = Hmac::new_from_slice(key);
        Self(made.unwrap_or_else(|_never| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default())))
    }

    /// The source of this name, on this device.
    #[must_use]
    pub fn source(&self, name: &str, device: &str) -> Source {
        Source {
            device: Device::of(name, device),
            pseudonym: self.pseudonym(name),
        }
    }

    fn pseudonym(&self, name: &str) -> [u8; 4] {
        let mut keyed = self.0.clone();
        keyed.update(name.as_bytes());
        let digest = keyed.finalize().into_bytes();
        let mut pseudonym = [0; 4];
        for (to, from) in pseudonym.iter_mut().zip(digest) {
            *to = from;
        }
        pseudonym
    }
}

/// The sources of one export: hundreds of thousands of records have a handful of names.
pub(crate) struct Sources<'p> {
    pseudonyms: &'p Pseudonyms,
    known: HashMap<String, [u8; 4]>,
    most: usize,
}

impl<'p> Sources<'p> {
    pub(crate) fn new(pseudonyms: &'p Pseudonyms, most: usize) -> Self {
        Self {
            pseudonyms,
            known: HashMap::new(),
            most,
        }
    }

    /// # Errors
    /// `TooMany` different names.
    pub(crate) fn source(&mut self, name: &str, device: &str) -> Result<Source, ExportError> {
        let pseudonym = match self.known.get(name) {
            Some(known) => *known,
            None if self.known.len() >= self.most => return Err(ExportError::TooMany),
            None => {
                let made = self.pseudonyms.pseudonym(name);
                self.known.insert(name.to_owned(), made);
                made
            }
        };
        let device = Device::of(name, device);
        Ok(Source { device, pseudonym })
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = "<<HKDevice: 0x3012772a0>, name:Apple Watch, manufacturer:Apple Inc., \
                          model:Watch, hardware:Watch6,7, software:10.2>";

    #[test]
    fn a_label_says_the_kind_of_device_and_never_whose_it_is() {
        let pseudonyms = Pseudonyms::under(b"key");
        let watch = pseudonyms.source("花子のApple Watch", DEVICE);
        assert_eq!(watch.device(), Device::AppleWatch);
        let label = watch.to_string();
        assert!(label.starts_with("Apple Watch "), "{label}");
        assert!(!label.contains("花子") && !label.contains("0x3012772a0"));
        assert_eq!(watch, pseudonyms.source("花子のApple Watch", DEVICE));
        assert_ne!(watch, pseudonyms.source("太郎のApple Watch", DEVICE));
        assert_ne!(
            watch,
            Pseudonyms::under(b"other").source("花子のApple Watch", DEVICE)
        );
    }

    #[test]
    fn a_source_without_a_device_is_known_by_its_name() {
        let pseudonyms = Pseudonyms::under(b"key");
        let kind = |name| pseudonyms.source(name, "").device();
        assert_eq!(kind("花子のiPhone"), Device::IPhone);
        assert_eq!(kind("OMRON connect"), Device::Other);
        assert_eq!(kind("<script>alert(1)</script>"), Device::Other);
    }
}
