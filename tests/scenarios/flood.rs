//! Strangers hold the federation listener: thousands of connections that say nothing, half a
//! greeting, half a head, or a head without end. Peers are answered meanwhile, memory is bounded,
//! and every stranger is let go.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use scenarios::{Process, Store, Town};

use crate::program;

const SILENT: usize = 8_500;
const HALF_HELLO: usize = 1_000;
const HALF_HEAD: usize = 400;
const ENDLESS_HEAD: usize = 100;
/// What 10 000 strangers may cost; measured: see the printed line.
const MOST_MIB: u64 = 1_024;

/// The beginning of a TLS record that promises 512 bytes of greeting.
const HELLO: [u8; 9] = [22, 3, 1, 2, 0, 1, 0, 1, 252];

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_connections_keep_no_peer_waiting_and_cost_bounded_memory() {
    if !may_open(SILENT + HALF_HELLO + HALF_HEAD + ENDLESS_HEAD + 500) {
        eprintln!("SKIPPED: this user may not open 10 500 files");
        return;
    }
    let mut town = Town::in_real_time(&["minato", "yukimi"], Store::Sqlite).await;
    town.settle().await;
    town.at_mut("yukimi").stop().await;
    let process = program().serve(town.at("yukimi")).await;
    let at = town.at("yukimi").config().federation.bind;
    let before = peak_mib(&process);

    let mut dressed: Vec<_> = (0..HALF_HEAD + ENDLESS_HEAD)
        .map(|_| handshake(at))
        .collect();
    for (number, stream) in dressed.iter_mut().enumerate() {
        let _ended = stream.write_all(b"POST /federation/v1/echo HTTP/1.1\r\nhost: x\r\n");
        if number >= HALF_HEAD {
            let line = format!("x: {}", "y".repeat(300_000));
            let _ended = stream.write_all(line.as_bytes());
        }
    }
    let mut bare = Vec::new();
    for number in 0..SILENT + HALF_HELLO {
        let mut stream = TcpStream::connect(at).unwrap();
        if number >= SILENT {
            stream.write_all(&HELLO).unwrap();
        }
        bare.push(stream);
    }

    let open = open_files(&process);

    // Meanwhile a peer asks.
    let words = ["doctor", "-o", "json", "--quiet", "--peer", "0110000002"];
    let output = program().node_later(town.at("minato"), &words).await;
    let held = peak_mib(&process);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let echo = findings.iter().find(|one| one["check"] == "peer.echo");
    assert_eq!(echo.unwrap()["code"], "well", "{report:#}");
    println!("{open} files open under 10 000 strangers: {before} MiB before, {held} MiB at most");
    assert!(
        held - before.min(held) < MOST_MIB,
        "{before} MiB, then {held} MiB"
    );

    for stream in bare {
        is_let_go(stream);
    }
    for stream in dressed {
        is_let_go(stream.get_ref().try_clone().unwrap());
    }
    drop(process);
    town.stop().await;
}

fn handshake(at: SocketAddr) -> SslStream<TcpStream> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    let mut configuration = builder.build().configure().unwrap();
    configuration.set_verify_hostname(false);
    let socket = TcpStream::connect(at).unwrap();
    configuration.connect("127.0.0.1", socket).unwrap()
}

/// Waits until the other side has closed: it must, and a minute is far more than it needs.
fn is_let_go(mut stream: TcpStream) {
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                let reset = matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                );
                assert!(reset, "a stranger is still held: {error}");
                return;
            }
        }
    }
}

/// Raises this process's limit of open files as far as it may.
fn may_open(files: usize) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let now = getrlimit(Resource::Nofile).current;
    now.is_none_or(|now| now >= files as u64)
}

fn open_files(process: &Process) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", process.id()));
    files.unwrap().count()
}

/// The most memory that it ever had.
fn peak_mib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() / 1_024
}
