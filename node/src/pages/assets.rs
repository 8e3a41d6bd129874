//! Styles, modules and icons, compiled in and served under an address that changes with them, so
//! that browsers may keep them for ever.

use std::io::Write as _;

use bytes::Bytes;
use federation_protocol::base64url;
use federation_protocol::digest::sha256;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The style sheet: what every page shares, then each room's own.
const STYLES: [&str; 8] = [
    include_str!("assets/musubi.css"),
    include_str!("assets/chart.css"),
    include_str!("assets/entry.css"),
    include_str!("assets/clinic.css"),
    include_str!("assets/patient.css"),
    include_str!("assets/sharing.css"),
    include_str!("assets/vitals.css"),
    include_str!("assets/desk.css"),
];

/// One embedded file.
#[derive(Clone)]
pub struct Asset {
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
    /// The same, gzipped, where that is worth it.
    pub gzipped: Option<Bytes>,
    name: &'static str,
}

/// Every embedded file.
pub struct Assets {
    edition: String,
    files: Vec<Asset>,
}

impl Assets {
    /// What this program carries.
    #[must_use]
    pub(super) fn embedded() -> Self {
        let module = "text/javascript; charset=utf-8";
        let files = vec![
            Asset::text("musubi.css", "text/css; charset=utf-8", &STYLES.concat()),
            Asset::text("musubi.js", module, include_str!("assets/musubi.js")),
            Asset::text("passkey.js", module, include_str!("assets/passkey.js")),
            Asset::text("device.js", module, include_str!("assets/device.js")),
            Asset::text("sharing.js", module, include_str!("assets/sharing.js")),
            Asset::text("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
            Asset::image("icon-192.png", include_bytes!("assets/icon-192.png")),
            Asset::image("icon-512.png", include_bytes!("assets/icon-512.png")),
            Asset::image(
                "maskable-512.png",
                include_bytes!("assets/maskable-512.png"),
            ),
        ];
        let all: Vec<u8> = files.iter().flat_map(|file| file.bytes.to_vec()).collect();
        let mut edition = base64url::encode(sha256(&all));
        edition.truncate(12);
        Self { edition, files }
    }

    /// The address of the file `name`. Modules import each other by `./name`.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        format!("/assets/{}/{name}", self.edition)
    }

    /// The file `name`, of whatever edition it was asked for.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Asset> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Whether `edition` is this program's: only then may an answer be kept.
    #[must_use]
    pub fn is_current(&self, edition: &str) -> bool {
        self.edition == edition
    }
}

impl Asset {
    fn text(name: &'static str, media_type: &'static str, text: &str) -> Self {
        Self {
            media_type,
            bytes: Bytes::copy_from_slice(text.as_bytes()),
            gzipped: gzip(text.as_bytes()),
            name,
        }
    }

    fn image(name: &'static str, bytes: &'static [u8]) -> Self {
        Self {
            media_type: "image/png",
            bytes: Bytes::from_static(bytes),
            gzipped: None,
            name,
        }
    }
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(bytes).ok()?;
    writer.finish().ok().map(Bytes::from)
}
