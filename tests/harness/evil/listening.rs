//! A listener of a few lines: one request for each connection, any answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use federation_protocol::signature::RequestBinding;
use openssl::ssl::SslAcceptor;

use crate::envoy::Reply;

/// A request as it came.
#[derive(Debug)]
pub struct Asked {
    /// Path and query.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// One header's value; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(one, _)| one == name);
        found.map_or("", |(_, value)| value)
    }

    /// What a right answer to it is bound to.
    #[must_use]
    pub fn binding(&self) -> RequestBinding {
        let signature = self.header("signature");
        let signature = signature.strip_prefix("fed=:").unwrap();
        let signature = STANDARD.decode(signature.strip_suffix(':').unwrap());
        RequestBinding {
            signature: signature.unwrap().try_into().unwrap(),
            content_digest: self.header("content-digest").to_owned(),
            from: self.header("fed-from").parse().unwrap(),
            to: self.header("fed-to").parse().unwrap(),
            exchange: self.header("fed-exchange").parse().unwrap(),
            traceparent: self.header("traceparent").to_owned(),
        }
    }

    fn read(stream: impl std::io::Read) -> Option<Self> {
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut headers = Vec::new();
        loop {
            line.clear();
            lines.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut asked = Self {
            path,
            headers,
            body: Vec::new(),
        };
        let length = asked.header("content-length").parse().unwrap_or(0);
        asked.body = vec![0; length];
        lines.read_exact(&mut asked.body).ok()?;
        Some(asked)
    }
}

/// Answers every request at `address` until the test's process ends.
pub(super) fn serve(
    address: SocketAddr,
    acceptor: SslAcceptor,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) {
    let listener = TcpListener::bind(address).unwrap();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
            std::thread::spawn(move || {
                let Ok(mut stream) = acceptor.accept(stream) else {
                    return;
                };
                if let Some(asked) = Asked::read(&mut stream) {
                    // Whoever asked may have given up.
                    drop(stream.write_all(&written(&answer(&asked))));
                    drop(stream.shutdown());
                }
            });
        }
    });
}

fn written(reply: &Reply) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Said\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", reply.body.len()));
    let mut bytes = head.into_bytes();
    bytes.extend(&reply.body);
    bytes
}
