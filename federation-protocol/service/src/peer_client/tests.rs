#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panicking"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::*;
use crate::loopback::{Listener, identity, identity_for, loopback_allowed};
use crate::tls::{TlsIdentity, federation_acceptor, server_acceptor};

const SECOND: Duration = Duration::from_secs(1);

fn routes(routes: &mut ServiceConfig) {
    routes
        .route(
            "/document",
            web::get().to(|request: HttpRequest| async move {
                let held = request.headers().get(header::IF_NONE_MATCH);
                if held.is_some_and(|etag| etag == "\"7\"") {
                    return HttpResponse::NotModified().finish();
                }
                HttpResponse::Ok()
                    .insert_header((header::ETAG, "\"7\""))
                    .body("signed by someone")
            }),
        )
        .route(
            "/elsewhere",
            web::get().to(|| async {
                HttpResponse::Found()
                    .insert_header((header::LOCATION, "/document"))
                    .finish()
            }),
        )
        .route("/large/{bytes}", web::get().to(large))
        .route("/stream/{bytes}", web::get().to(stream))
        .route(
            "/packed",
            web::get().to(|| async {
                let encoding = (header::CONTENT_ENCODING, "gzip");
                HttpResponse::Ok()
                    .insert_header(encoding)
                    .body("not really gzip")
            }),
        )
        .route(
            "/slow",
            web::get().to(|| async {
                tokio::time::sleep(Duration::from_secs(30)).await;
                HttpResponse::Ok().finish()
            }),
        );
}

async fn large(bytes: web::Path<usize>) -> HttpResponse {
    HttpResponse::Ok().body(vec![b'x'; *bytes])
}

async fn stream(bytes: web::Path<usize>) -> HttpResponse {
    let chunk = Ok::<_, actix_web::Error>(Bytes::from(vec![b'x'; *bytes]));
    HttpResponse::Ok().streaming(futures_util::stream::iter([chunk]))
}

struct Peer {
    listener: Listener,
    client: PeerClient,
}

fn peer() -> Peer {
    let theirs = identity();
    let listener = Listener::start(federation_acceptor(&theirs).unwrap(), routes);
    let certificates = [theirs.certificate().unwrap()];
    let client = PeerClient::new(
        &listener.endpoint(),
        &certificates,
        &identity(),
        &loopback_allowed(),
        100_000,
    )
    .unwrap();
    Peer { listener, client }
}

async fn failure_of(client: &PeerClient, path: &str) -> PeerFailure {
    client.get(path, None, SECOND).await.unwrap_err()
}

#[tokio::test]
async fn a_document_is_fetched_once_and_then_not_modified() {
    let peer = peer();
    let fetched = peer.client.get("/document", None, SECOND).await.unwrap();
    let Fetched::Document { body, etag } = fetched else {
        unreachable!("no etag was sent")
    };
    assert_eq!(
        (&body[..], etag.as_deref()),
        (&b"signed by someone"[..], Some("\"7\""))
    );
    let again = peer
        .client
        .get("/document", etag.as_deref(), SECOND)
        .await
        .unwrap();
    assert!(matches!(again, Fetched::NotModified));
}

#[tokio::test]
async fn a_certificate_that_the_directory_does_not_name_is_refused() {
    let peer = peer();
    let another = [identity().certificate().unwrap()];
    let endpoint = peer.listener.endpoint();
    let client =
        PeerClient::new(&endpoint, &another, &identity(), &loopback_allowed(), 1000).unwrap();
    assert!(matches!(
        failure_of(&client, "/document").await,
        PeerFailure::Tls(_)
    ));
}

#[tokio::test]
async fn a_named_certificate_for_another_host_is_refused() {
    let theirs = identity_for("minato.example");
    let listener = Listener::start(federation_acceptor(&theirs).unwrap(), routes);
    let certificates = [theirs.certificate().unwrap()];
    let endpoint = listener.endpoint();
    let client = PeerClient::new(
        &endpoint,
        &certificates,
        &identity(),
        &loopback_allowed(),
        1000,
    )
    .unwrap();
    assert!(matches!(
        failure_of(&client, "/document").await,
        PeerFailure::Tls(_)
    ));
}

#[tokio::test]
async fn a_peer_that_speaks_only_tls_1_2_is_refused() {
    let theirs = identity();
    let mut acceptor = server_acceptor(&theirs).unwrap();
    acceptor
        .set_max_proto_version(Some(openssl::ssl::SslVersion::TLS1_2))
        .unwrap();
    let listener = Listener::start(acceptor, routes);
    let certificates = [theirs.certificate().unwrap()];
    let endpoint = listener.endpoint();
    let client = PeerClient::new(
        &endpoint,
        &certificates,
        &identity(),
        &loopback_allowed(),
        1000,
    )
    .unwrap();
    assert!(matches!(
        failure_of(&client, "/document").await,
        PeerFailure::Tls(_)
    ));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    assert_eq!(
        failure_of(&peer().client, "/elsewhere").await,
        PeerFailure::Status(302)
    );
}

#[tokio::test]
async fn an_answer_over_the_cap_is_refused_announced_or_not() {
    let peer = peer();
    for path in ["/large/100000", "/stream/100000"] {
        assert!(peer.client.get(path, None, SECOND).await.is_ok(), "{path}");
    }
    for path in ["/large/100001", "/stream/100001"] {
        assert_eq!(
            failure_of(&peer.client, path).await,
            PeerFailure::TooLarge { limit: 100_000 },
            "{path}"
        );
    }
}

#[tokio::test]
async fn nothing_is_unpacked() {
    let fetched = peer().client.get("/packed", None, SECOND).await.unwrap();
    let Fetched::Document { body, .. } = fetched else {
        unreachable!("no etag was sent")
    };
    assert_eq!(&body[..], b"not really gzip");
}

#[tokio::test]
async fn a_slow_answer_is_a_timeout_and_not_tried_again() {
    let failure = failure_of(&peer().client, "/slow").await;
    assert_eq!(failure, PeerFailure::Timeout);
    assert!(!failure.is_retryable());
}

#[tokio::test]
async fn a_closed_port_is_no_connection() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", socket.local_addr().unwrap());
    drop(socket);
    let certificates = [identity().certificate().unwrap()];
    let client = PeerClient::new(
        &endpoint,
        &certificates,
        &identity(),
        &loopback_allowed(),
        1000,
    )
    .unwrap();
    let failure = failure_of(&client, "/document").await;
    assert!(matches!(failure, PeerFailure::Connect(_)), "{failure:?}");
    assert!(failure.is_retryable());
}

#[tokio::test]
async fn a_connection_that_breaks_is_interrupted() {
    let theirs = identity();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", socket.local_addr().unwrap());
    let acceptor = federation_acceptor(&theirs).unwrap().build();
    std::thread::spawn(move || {
        let mut stream = acceptor.accept(socket.accept().unwrap().0).unwrap();
        let mut heard = [0u8; 4096];
        assert!(stream.read(&mut heard).unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
            .unwrap();
    });
    let certificates = [theirs.certificate().unwrap()];
    let client = PeerClient::new(
        &endpoint,
        &certificates,
        &identity(),
        &loopback_allowed(),
        1000,
    )
    .unwrap();
    let failure = failure_of(&client, "/document").await;
    assert!(
        matches!(failure, PeerFailure::Interrupted(_)),
        "{failure:?}"
    );
}

#[tokio::test]
async fn an_inner_address_is_refused_before_any_packet() {
    let certificates = [identity().certificate().unwrap()];
    let none = OutboundRules::default();
    let literal = PeerClient::new(
        "https://127.0.0.1:1",
        &certificates,
        &identity(),
        &none,
        1000,
    );
    assert!(matches!(literal, Err(EndpointError::Address(_))));

    let named = PeerClient::new(
        "https://localhost:1",
        &certificates,
        &identity(),
        &none,
        1000,
    )
    .unwrap();
    assert!(matches!(
        failure_of(&named, "/document").await,
        PeerFailure::AddressRefused(_)
    ));
}

#[test]
fn an_endpoint_is_https_and_bare() {
    let certificates = [identity().certificate().unwrap()];
    let rules = loopback_allowed();
    let make = |endpoint: &str| {
        PeerClient::new(endpoint, &certificates, &identity(), &rules, 1000).map(|_| ())
    };
    for wrong in [
        "http://127.0.0.1:1",
        "https://u@127.0.0.1:1",
        "https://127.0.0.1:1/path",
        "https://127.0.0.1:1/?q",
        "https://127.0.0.1:1/#f",
        "127.0.0.1:1",
        "",
    ] {
        assert!(matches!(make(wrong), Err(EndpointError::Url(_))), "{wrong}");
    }
    assert!(make("https://127.0.0.1:1/").is_ok());
    let nobody = PeerClient::new("https://127.0.0.1:1", &[], &identity(), &rules, 1000);
    assert!(matches!(nobody, Err(EndpointError::Certificates(_))));
}

#[tokio::test]
async fn a_path_that_the_url_parser_would_change_is_not_asked_for() {
    let peer = peer();
    for path in [
        "document",
        "/a/../document",
        "/document?x",
        "//evil/",
        "/a b",
        "/a#b",
        "@evil",
    ] {
        let failure = failure_of(&peer.client, path).await;
        let expected = if path == "//evil/" {
            PeerFailure::Status(404) // a path on the same origin, not another host
        } else {
            PeerFailure::Path(path.to_owned())
        };
        assert_eq!(failure, expected, "{path}");
    }
    assert_eq!(
        peer.client
            .path_of(&format!("{}/lists/1", peer.listener.endpoint())),
        Some("/lists/1")
    );
    assert_eq!(peer.client.path_of("https://127.0.0.1.evil/lists/1"), None);
}

/// A member whose named certificate is an authority: what it signs is not trusted in its stead.
#[tokio::test]
async fn a_certificate_signed_by_a_named_one_is_not_the_named_one() {
    let (authority, leaf) = authority_and_leaf();
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (
        folder.path().join("chain.pem"),
        folder.path().join("leaf.key"),
    );
    std::fs::write(&chain, leaf.0).unwrap();
    std::fs::write(&key, leaf.1).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, mode).unwrap();
    let theirs = TlsIdentity::from_pem_files(&chain, &key).unwrap();
    let listener = Listener::start(federation_acceptor(&theirs).unwrap(), routes);
    let endpoint = listener.endpoint();
    let client = PeerClient::new(
        &endpoint,
        &[NamedCertificate::from_der(authority)],
        &identity(),
        &loopback_allowed(),
        1000,
    )
    .unwrap();
    let failure = failure_of(&client, "/document").await;
    assert!(
        matches!(&failure, PeerFailure::Tls(why) if why.contains("not one of")),
        "{failure:?}"
    );
}

/// A self-signed authority's certificate (DER), and PEMs of a certificate for 127.0.0.1 that it
/// signed and of its key.
fn authority_and_leaf() -> (Vec<u8>, (Vec<u8>, Vec<u8>)) {
    use openssl::asn1::Asn1Time;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
    use openssl::x509::{X509Builder, X509NameBuilder};

    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = || PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let name = |name: &str| {
        let mut builder = X509NameBuilder::new().unwrap();
        builder.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
        builder.build()
    };
    let base = |subject: &str, key: &PKey<openssl::pkey::Private>| {
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&name(subject)).unwrap();
        builder.set_issuer_name(&name("authority")).unwrap();
        builder.set_pubkey(key).unwrap();
        builder
            .set_not_before(&Asn1Time::from_unix(1_700_000_000).unwrap())
            .unwrap();
        builder
            .set_not_after(&Asn1Time::from_unix(3_300_000_000).unwrap())
            .unwrap();
        builder
    };
    let authority_key = key();
    let mut authority = base("authority", &authority_key);
    let ca = BasicConstraints::new().critical().ca().build().unwrap();
    authority.append_extension(ca).unwrap();
    let signs = KeyUsage::new().critical().key_cert_sign().build().unwrap();
    authority.append_extension(signs).unwrap();
    authority
        .sign(&authority_key, MessageDigest::sha256())
        .unwrap();

    let leaf_key = key();
    let mut leaf = base("leaf", &leaf_key);
    let mut address = SubjectAlternativeName::new();
    let address = address
        .ip("127.0.0.1")
        .build(&leaf.x509v3_context(None, None))
        .unwrap();
    leaf.append_extension(address).unwrap();
    leaf.sign(&authority_key, MessageDigest::sha256()).unwrap();
    let leaf = leaf.build().to_pem().unwrap();
    (
        authority.build().to_der().unwrap(),
        (leaf, leaf_key.private_key_to_pem_pkcs8().unwrap()),
    )
}
