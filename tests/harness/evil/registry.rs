//! Whoever stole the registry's server: its certificate, its online keys, its address. The root's and
//! the approvers' keys lie elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use federation_protocol::directory::{DirectoryDocument, StatusDocument};
use federation_protocol::keys::SecretKey;
use federation_service::tls::{TlsIdentity, server_acceptor};
use musubi_registry::Config;

use super::listening::{Asked, serve};
use crate::envoy::Reply;

type Shelf = Arc<Mutex<BTreeMap<String, String>>>;

/// A registry that says whatever a test puts on its shelf.
pub struct EvilRegistry {
    /// Signs directories.
    pub directory_key: SecretKey,
    /// Signs statuses.
    pub status_key: SecretKey,
    shelf: Shelf,
}

impl EvilRegistry {
    /// Takes the place of the registry whose folder this is, and whose server was stopped. It says
    /// nothing yet.
    pub(crate) fn in_place_of(folder: &Path) -> Self {
        let config = Config::load(&folder.join("registry.toml")).unwrap();
        let key = |file: &str| {
            let pem = fs::read_to_string(config.state.dir.join("keys").join(file)).unwrap();
            SecretKey::from_pkcs8_pem(&pem).unwrap()
        };
        let http = &config.http;
        let identity =
            TlsIdentity::from_pem_files(&http.tls_certificate_file, &http.tls_key_file).unwrap();
        let acceptor = server_acceptor(&identity).unwrap().build();
        let shelf = Shelf::default();
        let said = Arc::clone(&shelf);
        serve(http.bind, acceptor, move |asked| says(&said, asked));
        Self {
            directory_key: key("directory.pem"),
            status_key: key("status.pem"),
            shelf,
        }
    }

    /// Says any document at any path: `/v1/root`, `/v1/directory`, `/v1/status`.
    pub fn says(&self, path: &str, document: &str) {
        let mut shelf = self.shelf.lock().unwrap();
        shelf.insert(path.to_owned(), document.to_owned());
    }

    /// Says a directory, rightly signed, and a status that follows `before` and names it.
    pub fn publishes(&self, directory: &DirectoryDocument, before: &StatusDocument) {
        let signed = directory.sign(&self.directory_key);
        self.says("/v1/directory", &signed.jws);
        self.says(&format!("/v1/directory/{}", directory.seq), &signed.jws);
        let mut status = before.clone();
        status.seq += 1;
        status.directory.seq = directory.seq;
        status.directory.hash = signed.hash;
        self.says_status(&status);
    }

    /// Says a status, rightly signed.
    pub fn says_status(&self, status: &StatusDocument) {
        self.says("/v1/status", &status.sign(&self.status_key).jws);
    }
}

fn says(shelf: &Shelf, asked: &Asked) -> Reply {
    let document = shelf.lock().unwrap().get(&asked.path).cloned();
    Reply {
        status: if document.is_some() { 200 } else { 404 },
        headers: Vec::new(),
        body: document.unwrap_or_default().into_bytes(),
    }
}
