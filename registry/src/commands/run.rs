//! `musubi-registry run`

use federation_service::clock::SystemClock;
use federation_service::{log, shutdown};

use super::ConfigFile;
use super::failure::{Exit, Failure};
use crate::config::LogFormat;
use crate::joining::ProberError;
use crate::{Registry, StartError};

/// Serves the signed documents until told to stop.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    #[command(flatten)]
    config: ConfigFile,
}

const EXAMPLES: &str = "\
It stops on SIGTERM or Ctrl-C, after the requests in flight.

Examples:
  musubi-registry run --config /var/lib/musubi-registry/registry.toml
  MUSUBI_REGISTRY_LOG__LEVEL=debug musubi-registry run --config registry.toml";

impl Run {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let format = match config.log.format {
            LogFormat::Json => log::Format::Json,
            LogFormat::Text => log::Format::Text,
        };
        log::start(format, &config.log.level)
            .map_err(|error| Failure::new(Exit::Config, error.to_string(), "mend [log]"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(runtime_failure)?;
        runtime.block_on(async {
            let registry = Registry::start(config, SystemClock::shared())?;
            let (url, root) = (registry.url(), registry.root_sha256());
            tracing::info!(url, root_sha256 = root, "the registry serves");
            let ending = shutdown::asked_to_end().await.map_err(runtime_failure)?;
            tracing::info!(?ending, "the registry stops");
            registry.stop().await;
            Ok(())
        })
    }
}

fn runtime_failure(error: std::io::Error) -> Failure {
    Failure::new(
        Exit::Failure,
        error.to_string(),
        "check the limits that the service runs under",
    )
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let what = error.to_string();
        match error {
            StartError::Config(error) => error.into(),
            StartError::Database(error) => error.into(),
            StartError::Publish(error) | StartError::Prober(ProberError::Key(error)) => {
                error.into()
            }
            StartError::Tls(_) | StartError::Prober(_) | StartError::OtherCertificate => Self::new(
                Exit::Config,
                what,
                "let http.tls_certificate_file and http.tls_key_file name the files that init made",
            ),
            StartError::Listen(_) => Self::new(
                Exit::Failure,
                what,
                "end the other program on that address, or change http.bind",
            ),
        }
    }
}
