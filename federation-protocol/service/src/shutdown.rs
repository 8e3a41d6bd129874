//! Ending well: SIGTERM or SIGINT, then no new connections, and up to 30 s for what is in flight.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixDatagram;

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{SignalKind, signal};

/// Seconds that requests in flight are given; for `HttpServer::shutdown_timeout`.
pub const GRACE_SECONDS: u64 = 30;

/// Which signal asked the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// SIGTERM: systemd, a container runtime.
    Terminate,
    /// SIGINT: Ctrl-C.
    Interrupt,
}

/// Waits until the process is asked to end.
///
/// Servers are built with `disable_signals()` so that this is the only listener.
///
/// # Errors
/// When the handlers cannot be installed.
pub async fn asked_to_end() -> io::Result<Ending> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok(Ending::Terminate),
        _ = interrupt.recv() => Ok(Ending::Interrupt),
    }
}

/// Stops all listeners at the same time, letting requests in flight finish.
///
/// Each server's own `shutdown_timeout` bounds the wait ([`GRACE_SECONDS`]).
pub async fn stop_all(listeners: &[ServerHandle]) {
    futures_util::future::join_all(listeners.iter().map(|listener| listener.stop(true))).await;
}

/// Tells the service manager a state such as `READY=1` or `STOPPING=1`.
///
/// `socket` is the value of `NOTIFY_SOCKET` (absent: nothing is done): a path, or `@` and an
/// abstract name.
///
/// # Errors
/// When the socket cannot be reached.
///
/// Source: sd_notify(3).
pub fn tell_service_manager(socket: Option<&OsStr>, state: &str) -> io::Result<()> {
    let Some(socket) = socket else { return Ok(()) };
    let sender = UnixDatagram::unbound()?;
    match socket.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            sender.send_to_addr(state.as_bytes(), &address)?;
        }
        _ => {
            sender.send_to(state.as_bytes(), socket)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]
    use actix_web::web::{ServiceConfig, get};

    use super::*;
    use crate::loopback::{Listener, RawClient, identity};

    #[test]
    fn the_service_manager_hears_ready() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();

        tell_service_manager(Some(path.as_os_str()), "READY=1").unwrap();

        let mut heard = [0u8; 32];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
    }

    #[test]
    fn without_a_service_manager_nothing_happens() {
        assert!(tell_service_manager(None, "READY=1").is_ok());
    }

    #[tokio::test]
    async fn sigterm_asks_the_process_to_end() {
        let mut asked = Box::pin(asked_to_end());
        // The first poll installs the handlers; without them the signal would end the test.
        let soon = std::time::Duration::from_millis(1);
        assert!(tokio::time::timeout(soon, &mut asked).await.is_err());
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::TERM).unwrap();
        assert_eq!(asked.await.unwrap(), Ending::Terminate);
    }

    #[tokio::test]
    async fn what_is_in_flight_is_finished_and_nothing_new_is_let_in() {
        async fn slow() -> &'static str {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            "done"
        }
        let acceptor = crate::tls::server_acceptor(&identity()).unwrap();
        let listener = Listener::start(acceptor, |routes: &mut ServiceConfig| {
            routes.route("/slow", get().to(slow));
        });
        let (address, handle) = (listener.address, listener.handle());
        let in_flight = tokio::task::spawn_blocking(move || {
            let mut connection = RawClient::connect(address, None);
            connection
                .write(b"GET /slow HTTP/1.1\r\nhost: here\r\n\r\n")
                .read()
                .body
        });
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;

        stop_all(&[handle]).await;

        assert_eq!(in_flight.await.unwrap(), b"done");
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}
