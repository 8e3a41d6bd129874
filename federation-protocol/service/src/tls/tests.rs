#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, web};
use openssl::ssl::SslConnectorBuilder;

use super::*;
use crate::loopback::{Listener, RawClient, connector, identity, identity_for};

const GET: &[u8] = b"GET /who HTTP/1.1\r\nhost: here\r\n\r\n";

/// `GET /who` answers with the fingerprint that the listener knows the client by.
fn who(routes: &mut ServiceConfig) {
    routes.route(
        "/who",
        web::get().to(|request: HttpRequest| async move {
            request
                .conn_data::<PeerCertificate>()
                .map_or_else(|| "a stranger".to_owned(), ToString::to_string)
        }),
    );
}

fn federation_listener() -> Listener {
    Listener::start(federation_acceptor(&identity()).unwrap(), who)
}

fn connect(listener: &Listener, builder: SslConnectorBuilder) -> Result<RawClient, String> {
    let socket = std::net::TcpStream::connect(listener.address).unwrap();
    let mut configuration = builder.build().configure().unwrap();
    configuration.set_verify_hostname(false);
    let stream = configuration.connect("127.0.0.1", socket);
    stream.map(RawClient).map_err(|error| error.to_string())
}

#[test]
fn the_listener_knows_its_client_by_the_certificate() {
    let listener = federation_listener();
    let client = identity();
    let mut connection = RawClient::connect(listener.address, Some(&client));
    let seen = connection.write(GET).read();
    assert_eq!(
        seen.body,
        client.fingerprint().unwrap().to_string().as_bytes()
    );
}

#[test]
fn without_a_certificate_the_handshake_succeeds_and_nobody_is_known() {
    let listener = federation_listener();
    let mut connection = RawClient::connect(listener.address, None);
    assert_eq!(connection.write(GET).read().body, b"a stranger");
}

#[test]
fn tls_1_2_is_refused_between_members_and_spoken_elsewhere() {
    let older = || {
        let mut builder = connector(None);
        builder
            .set_max_proto_version(Some(SslVersion::TLS1_2))
            .unwrap();
        builder
    };
    let refused = connect(&federation_listener(), older()).err().unwrap();
    assert!(refused.contains("protocol version"), "{refused}");

    let elsewhere = Listener::start(server_acceptor(&identity()).unwrap(), who);
    assert_eq!(
        connect(&elsewhere, older()).unwrap().write(GET).read().body,
        b"a stranger"
    );

    let mut oldest = connector(None);
    oldest.set_min_proto_version(None).unwrap();
    oldest
        .set_max_proto_version(Some(SslVersion::TLS1_1))
        .unwrap();
    oldest.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    assert!(connect(&elsewhere, oldest).is_err());
}

#[test]
fn no_session_can_be_resumed() {
    let listener = federation_listener();
    let tickets = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&tickets);
    let mut builder = connector(Some(&identity()));
    builder.set_session_cache_mode(SslSessionCacheMode::CLIENT);
    builder.set_new_session_callback(move |_, _| {
        seen.fetch_add(1, Ordering::SeqCst);
    });
    connect(&listener, builder).unwrap().write(GET).read();
    assert_eq!(tickets.load(Ordering::SeqCst), 0);
}

#[test]
fn an_identity_written_is_the_identity_read() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    let made = identity_for("minato.example");
    made.write_pem(&certificate, &key).unwrap();

    let read = TlsIdentity::from_pem_files(&certificate, &key).unwrap();

    assert_eq!(read.certificate().unwrap(), made.certificate().unwrap());
    assert_eq!(
        read.fingerprint().unwrap(),
        made.certificate().unwrap().fingerprint()
    );
    assert_eq!(
        std::fs::metadata(&key).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert!(matches!(
        made.write_pem(&certificate, &key),
        Err(TlsError::Key(KeyFileError::Exists(_)))
    ));
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    identity().write_pem(&certificate, &key).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601] {
        std::fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let refused = TlsIdentity::from_pem_files(&certificate, &key)
            .err()
            .unwrap();
        assert!(
            matches!(refused, TlsError::Key(KeyFileError::Mode { mode: seen, .. }) if seen == mode)
        );
    }
    std::fs::set_permissions(&key, Permissions::from_mode(0o400)).unwrap();
    assert!(TlsIdentity::from_pem_files(&certificate, &key).is_ok());
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    identity()
        .write_pem(&path("a.pem"), &path("a.key"))
        .unwrap();
    identity()
        .write_pem(&path("b.pem"), &path("b.key"))
        .unwrap();
    let refused = TlsIdentity::from_pem_files(&path("a.pem"), &path("b.key"))
        .err()
        .unwrap();
    assert!(matches!(refused, TlsError::KeyMismatch));
}

#[test]
fn a_certificate_names_its_host_and_is_no_authority() {
    let certificate = identity_for("minato.example").certificate;
    let names = certificate.subject_alt_names().unwrap();
    assert_eq!(names[0].dnsname(), Some("minato.example"));
    let text = String::from_utf8(certificate.to_text().unwrap()).unwrap();
    assert!(text.contains("CA:FALSE"), "{text}");

    let by_address = identity_for("::1").certificate.subject_alt_names().unwrap();
    assert_eq!(by_address[0].ipaddress().map(<[u8]>::len), Some(16));

    let from = Timestamp::from_unix_seconds(1_700_000_000);
    for host in [
        "",
        "a b",
        "minato.example/",
        "-x",
        "*.example",
        "a..b",
        "DNS:x,IP:1.2.3.4",
    ] {
        let refused = TlsIdentity::generate(host, from, from.plus_seconds(60));
        assert!(matches!(refused, Err(TlsError::Host(_))), "{host}");
    }
    assert!(matches!(
        TlsIdentity::generate("a", from, from),
        Err(TlsError::Lifetime)
    ));
}

#[test]
fn facts_are_read_of_a_certificate_or_of_nothing() {
    let from = Timestamp::from_unix_seconds(1_782_864_000);
    let until = from.plus_seconds(400 * 86_400);
    for (host, other) in [("Fed.minato.example", "minato.example"), ("::1", "::2")] {
        let made = TlsIdentity::generate(host, from, until).unwrap();
        let der = made.certificate_der().unwrap();
        let facts = CertificateFacts::read(&der).unwrap();
        assert_eq!((facts.not_before, facts.not_after), (from, until));
        assert!(facts.names(&host.to_lowercase()) && !facts.names(other));
        // Somebody else's bytes: never a panic, whatever stands there.
        for at in 0..der.len() {
            for bit in [1, 0x80] {
                let mut changed = der.clone();
                changed[at] ^= bit;
                let _read_or_refused = CertificateFacts::read(&changed);
            }
            let _cut_off = CertificateFacts::read(&der[..at]);
        }
    }
}

/// The certificate that a listener shows in a handshake of its own.
fn seen(listener: &Listener) -> Vec<u8> {
    let connection = connect(listener, connector(None)).unwrap();
    connection
        .0
        .ssl()
        .peer_certificate()
        .unwrap()
        .to_der()
        .unwrap()
}

#[test]
fn a_certificate_is_exchanged_without_ending_a_connection() {
    type Acceptor = fn(&Shown) -> Result<SslAcceptorBuilder, TlsError>;
    let acceptors: [Acceptor; 2] = [federation_acceptor_of, server_acceptor_of];
    for acceptor in acceptors {
        let (old, new) = (Arc::new(identity()), Arc::new(identity()));
        let shown = Shown::new(Arc::clone(&old));
        let listener = Listener::start(acceptor(&shown).unwrap(), who);
        let mut open = connect(&listener, connector(None)).unwrap();
        assert_eq!(open.write(GET).read().body, b"a stranger");
        assert_eq!(seen(&listener), old.certificate_der().unwrap());

        shown.show(Arc::clone(&new));

        assert_eq!(seen(&listener), new.certificate_der().unwrap());
        assert_eq!(
            open.write(GET).read().body,
            b"a stranger",
            "the old one drains"
        );
    }
}

#[test]
fn a_certificate_of_another_kind_of_key_takes_the_place_of_the_old_one() {
    let rsa = openssl::rsa::Rsa::generate(2048).unwrap();
    let key = PKey::from_rsa(rsa).unwrap();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::days_from_now(1).unwrap())
        .unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let other = TlsIdentity {
        certificate: builder.build(),
        chain: Vec::new(),
        key,
    };
    let shown = Shown::new(Arc::new(identity()));
    let listener = Listener::start(server_acceptor_of(&shown).unwrap(), who);
    let other = Arc::new(other);
    shown.show(Arc::clone(&other));
    assert_eq!(seen(&listener), other.certificate_der().unwrap());
}

#[test]
fn a_sealed_key_is_opened_by_its_passphrase_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    let word = |text: &str| Passphrase::from_variable(text, "test").unwrap();
    let right = word("a passphrase of this test");
    let made = identity();
    made.write(&certificate, &key, Some(&right)).unwrap();

    let open = |passphrase| TlsIdentity::open(&certificate, &key, passphrase);
    let read = open(Some(&right)).unwrap();
    assert_eq!(read.fingerprint().unwrap(), made.fingerprint().unwrap());
    assert!(matches!(
        open(None).err().unwrap(),
        TlsError::Key(KeyFileError::NoPassphrase(_))
    ));
    assert!(matches!(
        open(Some(&word("a passphrase of another"))).err().unwrap(),
        TlsError::Key(KeyFileError::WrongPassphrase(_))
    ));
}

#[test]
fn files_are_read_again_when_others_lie_there_and_half_of_them_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (certificate, key) = (path("tls.pem"), path("tls.key"));
    let mut watched = WatchedFiles::new(
        &certificate,
        &key,
        crate::key_file::PassphraseSource::Absent,
    );
    assert!(watched.look().unwrap().is_none(), "nothing is there yet");
    identity().write_pem(&certificate, &key).unwrap();
    assert!(watched.look().unwrap().is_some());
    assert!(watched.look().unwrap().is_none(), "as it was");

    let next = identity();
    next.write_pem(&path("next.pem"), &path("next.key"))
        .unwrap();
    std::fs::rename(path("next.pem"), &certificate).unwrap();
    assert!(matches!(
        watched.look().err().unwrap(),
        TlsError::KeyMismatch
    ));
    assert!(watched.look().unwrap().is_none(), "told once");
    std::fs::rename(path("next.key"), &key).unwrap();

    let read = watched.look().unwrap().unwrap();
    assert_eq!(read.fingerprint().unwrap(), next.fingerprint().unwrap());
}
