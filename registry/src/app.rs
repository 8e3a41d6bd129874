//! The registry as one running thing: database, publisher, listener.

use std::sync::Mutex;

use federation_service::clock::SharedClock;
use federation_service::tls::{TlsError, TlsIdentity};

use crate::config::{Config, ConfigError};
use crate::database::{Database, DatabaseError};
use crate::directory::routes::Desk;
use crate::directory::{Issuer, PublishError, Publisher};
use crate::joining::routes::Counter;
use crate::joining::{Examiner, Prober, ProberError};
use crate::server::{ListenError, Listener};
use crate::witness::Witness;
use crate::witness::routes::Desk as WitnessDesk;

/// Starts registries.
pub struct Registry;

/// A registry that serves. It goes on until [`RunningRegistry::stop`] is called, also when this is
/// dropped.
pub struct RunningRegistry {
    url: String,
    root_sha256: String,
    listener: Listener,
    publisher: Publisher,
    examiner: Option<Examiner>,
}

/// Why a registry did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings make no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The documents cannot be made: keys missing, root ended, an entry that no approver signed.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The TLS files cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The certificate in the files is not the one that root names: no node would trust it.
    #[error("the TLS certificate is not the one that root names")]
    OtherCertificate,
    /// The probe's key or certificate cannot be used.
    #[error(transparent)]
    Prober(#[from] ProberError),
    /// The address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

impl Registry {
    /// Brings the documents up to date, then listens.
    ///
    /// Called inside a tokio runtime. Opens files and the database before it listens, on the
    /// calling thread: a fraction of a second.
    ///
    /// # Errors
    /// In the order met: `Config`, `Database`, `Publish`, `Tls`, `OtherCertificate`, `Listen`.
    pub fn start(config: Config, clock: SharedClock) -> Result<RunningRegistry, StartError> {
        let path = config.database_path()?;
        let mut database = Database::open(&path)?;
        let keys = config.key_folder();
        let issuer = Issuer::load(&mut database, &keys, clock.now())?;
        let root_sha256 = issuer.root().hash().to_string();
        let passphrase = keys.passphrase().map_err(TlsError::from)?;
        let identity = TlsIdentity::open(
            &config.http.tls_certificate_file,
            &config.http.tls_key_file,
            passphrase.as_deref(),
        )?;
        let named = &issuer.root().document().registry.certificates;
        let shown = identity.certificate_der()?;
        if !named.iter().any(|certificate| certificate.der() == shown) {
            return Err(StartError::OtherCertificate);
        }
        let archive = Mutex::new(Database::open(&path)?);
        let witness = WitnessDesk {
            database: Mutex::new(Database::open(&path)?),
            witness: Witness::load(issuer.root(), &keys)?,
            clock: clock.clone(),
        };
        let counter = Counter::new(
            Database::open(&path)?,
            clock.clone(),
            issuer.root().registry(),
            keys.clone(),
        );
        let prober = Prober::load(&config, issuer.root().document(), clock.clone())?;
        let waiting = Database::open(&path)?;
        let (published, publisher) = Publisher::start(database, issuer, keys, clock.clone())?;
        let desk = Desk {
            published,
            archive,
            clock: clock.clone(),
        };
        match Listener::start(config.http.bind, &identity, desk, (witness, counter)) {
            Ok(listener) => Ok(RunningRegistry {
                url: listener.url(&config.http),
                root_sha256,
                listener,
                publisher,
                examiner: examiner(waiting, prober, clock),
            }),
            Err(error) => {
                publisher.stop();
                Err(error.into())
            }
        }
    }
}

fn examiner(waiting: Database, prober: Option<Prober>, clock: SharedClock) -> Option<Examiner> {
    if prober.is_none() {
        tracing::warn!("root names no key for probes: applicants are not probed until it does");
    }
    prober.map(|prober| Examiner::start(waiting, prober, clock))
}

impl RunningRegistry {
    /// Where it is reached, `https://host:port`: the public URL, with the port that was really
    /// taken when the settings ask for any (port 0).
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// SHA-256 of the root payload, base64url: what nodes pin at joining.
    #[must_use]
    pub fn root_sha256(&self) -> &str {
        &self.root_sha256
    }

    /// Takes no new connections, finishes what is in flight (at most 2 s) and ends.
    pub async fn stop(self) {
        self.listener.stop().await;
        if let Some(examiner) = self.examiner {
            examiner.stop();
        }
        self.publisher.stop();
    }
}
