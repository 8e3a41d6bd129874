//! The measured process: this program, started again as a node or as a hello world.

use std::ffi::OsString;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use federation_service::tls::{TlsIdentity, federation_acceptor, remember_peer};
use musubi_node::config::Config;
use rustix::process::{Pid, Signal, kill_process};
use scenarios::town::free_port;

use crate::measure::{Cpu, peak_rss_kib};
use crate::scene::{ANSWERING, Scene};

/// A measured process. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// `https://127.0.0.1:port`.
    pub(crate) endpoint: String,
}

impl Process {
    /// The answering node.
    pub(crate) async fn node(scene: &Scene) -> Self {
        let hospital = scene.town.at(ANSWERING);
        let bind = hospital.config().federation.bind;
        let child = this_program()
            .arg("node")
            .arg(hospital.config_file())
            .env("MUSUBI_NODE_FEDERATION__RATE_PER_SECOND", "1000000")
            .env("MUSUBI_NODE_FEDERATION__RATE_BURST", "1000000")
            .spawn()
            .unwrap();
        Self::reached(child, bind.port()).await
    }

    /// A hello world of `bytes` bytes with the answering node's certificate.
    pub(crate) async fn hello(scene: &Scene, bytes: usize) -> Self {
        let port = free_port();
        let child = this_program()
            .arg("hello")
            .arg(scene.town.at(ANSWERING).config_file())
            .args([port.to_string(), bytes.to_string()])
            .spawn()
            .unwrap();
        Self::reached(child, port).await
    }

    async fn reached(child: Child, port: u16) -> Self {
        let this = Self {
            child,
            endpoint: format!("https://127.0.0.1:{port}"),
        };
        for _ in 0..300 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return this;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the measured process does not listen on {port}");
    }

    /// What it has used so far.
    pub(crate) fn cpu(&self) -> Cpu {
        Cpu::of_process(self.child.id())
    }

    pub(crate) fn peak_rss_kib(&self) -> u64 {
        peak_rss_kib(self.child.id())
    }

    /// Ends it as a service manager would.
    pub(crate) fn end(mut self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn this_program() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.env("MUSUBI_NODE_LOG__LEVEL", "warn");
    command
}

/// `musubi-node run`, as operators start it.
pub(crate) fn be_node(config: &Path) -> ExitCode {
    let words = ["musubi-node", "run", "--config"].map(OsString::from);
    musubi_node::commands::main(words.into_iter().chain([config.as_os_str().to_owned()]))
}

/// A constant answer over the same TLS, HTTP and keep-alive as the node's federation listener.
pub(crate) fn be_hello(config: &Path, port: u16, bytes: usize) -> ExitCode {
    let tls = Config::load(config).unwrap().federation.tls;
    let identity = TlsIdentity::from_pem_files(&tls.certificate, &tls.key).unwrap();
    let acceptor = federation_acceptor(&identity).unwrap();
    let body = web::Bytes::from(vec![b'x'; bytes]);
    let served = actix_web::rt::System::new().block_on(
        HttpServer::new(move || {
            let body = body.clone();
            App::new().default_service(web::to(move |_question: web::Bytes| {
                let body = body.clone();
                async move { HttpResponse::Ok().body(body) }
            }))
        })
        .tcp_nodelay(true)
        .keep_alive(federation_service::signed::KEEP_ALIVE)
        .on_connect(remember_peer)
        .bind_openssl(("127.0.0.1", port), acceptor)
        .unwrap()
        .run(),
    );
    served.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}
