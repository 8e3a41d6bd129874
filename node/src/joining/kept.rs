//! What this node keeps of its application, in `joining.json` of the state folder, for nobody else's
//! eyes: the token's code is in it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use federation_protocol::joining::{ApplicationId, Contact, JoinToken};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const FILE: &str = "joining.json";

/// The token, who can be called, and the application once it was handed in.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The join token.
    pub token: JoinToken,
    /// Whom the operators can call.
    pub contact: Contact,
    /// Which application; none while the registry has not taken it.
    pub application: Option<ApplicationId>,
}

/// Why nothing was kept or found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// Nothing was handed in from here.
    #[error("no application was handed in from here")]
    Nothing,
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} does not hold an application", .0.display())]
    Malformed(PathBuf),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    token: String,
    contact: Contact,
    application: Option<ApplicationId>,
}

impl Kept {
    /// What the state folder holds.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn load(state: &Path) -> Result<Self, KeptError> {
        let path = state.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeptError::Nothing);
            }
            Err(source) => return Err(KeptError::File { path, source }),
        };
        let written: Option<Written> = serde_json::from_str(&text).ok();
        let token = written
            .as_ref()
            .and_then(|written| written.token.parse().ok());
        match (written, token) {
            (Some(written), Some(token)) => Ok(Self {
                token,
                contact: written.contact,
                application: written.application,
            }),
            _ => Err(KeptError::Malformed(path)),
        }
    }

    /// Puts it in the place of what was kept before, whole, readable to this user alone.
    ///
    /// # Errors
    /// `File`.
    pub fn save(&self, state: &Path) -> Result<(), KeptError> {
        let path = state.join(FILE);
        let written = Written {
            token: self.token.to_text().to_string(),
            contact: self.contact.clone(),
            application: self.application,
        };
        let put = || {
            let text = Zeroizing::new(serde_json::to_string_pretty(&written)?);
            let beside = path.with_extension("new");
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        };
        put().map_err(|source| KeptError::File {
            path: path.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::os::unix::fs::PermissionsExt as _;

    use federation_protocol::joining::InvitationCode;
    use federation_protocol::jws::PayloadHash;
    use federation_protocol::member::MemberId;

    use super::*;

    #[test]
    fn what_was_kept_is_found_again_and_nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Kept::load(folder.path()), Err(KeptError::Nothing)));
        let mut kept = Kept {
            token: JoinToken {
                registry: "https://registry.example".into(),
                root: PayloadHash::of(b"root"),
                member: MemberId::from_code("0110000002").unwrap(),
                code: InvitationCode::new([7; 16]),
            },
            contact: Contact::default(),
            application: None,
        };
        kept.save(folder.path()).unwrap();
        kept.application = Some(ApplicationId::new([1; 16]));
        kept.save(folder.path()).unwrap();
        let found = Kept::load(folder.path()).unwrap();
        assert_eq!(
            (found.token, found.application),
            (kept.token, kept.application)
        );
        let file = folder.path().join(FILE);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&file, "{}").unwrap();
        assert!(matches!(
            Kept::load(folder.path()),
            Err(KeptError::Malformed(_))
        ));
    }
}
