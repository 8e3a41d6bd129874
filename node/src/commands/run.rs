//! `musubi-node run`: serve until the service manager, or Ctrl-C, says to end.

use federation_service::clock::SystemClock;
use federation_service::log::{self, Format};
use federation_service::shutdown;
use tokio::runtime::{Builder, Runtime};

use super::cli::ConfigArgs;
use super::failure::{Exit, Failure, OrFailure as _};
use super::{settings, start_failure};
use crate::app::Node;
use crate::config::LogFormat;

pub(super) fn run(args: &ConfigArgs) -> Result<(), Failure> {
    let config = settings(args)?;
    let format = match config.log.format {
        LogFormat::Json => Format::Json,
        LogFormat::Pretty => Format::Text,
    };
    log::start(format, &config.log.level).or_failure(Exit::Config, "mend log.level")?;
    // Migrations run before the runtime serves anyone.
    let rooms = crate::app::Rooms::open(config, SystemClock::shared())
        .map_err(|error| start_failure(&error))?;
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .or_failure(
            Exit::TryAgain,
            "the system has no threads to spare: try again",
        )?;
    runtime.block_on(async {
        let node = Node::start(rooms)
            .await
            .map_err(|error| start_failure(&error))?;
        let socket = std::env::var_os("NOTIFY_SOCKET");
        if let Err(error) = shutdown::tell_service_manager(socket.as_deref(), "READY=1") {
            tracing::warn!("the service manager was not told: {error}");
        }
        let asked = shutdown::asked_to_end()
            .await
            .or_failure(Exit::Failure, "signals cannot be heard here")?;
        tracing::info!(?asked, "ending: finishing what is in flight");
        node.stop().await;
        Ok(())
    })
}

/// A runtime for one command that talks to somebody.
pub(super) fn small_runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .or_failure(
            Exit::TryAgain,
            "the system has no threads to spare: try again",
        )
}

/// Waits for work that only waits for the database's own threads.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    futures_executor::block_on(work)
}
