//! TLS where the directory's certificates are the only trust: there is no certificate authority.
//!
//! A member's certificate is self-signed and counts because the signed directory names its
//! SHA-256. The server therefore lets any certificate through the handshake (the client has proved
//! that it holds the key) and judges its fingerprint at each request, so that a certificate that
//! leaves the directory stops counting on connections that are already open.

mod facts;
mod shown;
mod watched;

use std::any::Any;
use std::fmt;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_tls::accept::openssl::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use federation_protocol::directory::Certificate;
use federation_protocol::keys::Fingerprint;
use federation_protocol::time::Timestamp;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    AlpnError, ClientHelloResponse, SslAcceptor, SslAcceptorBuilder, SslMethod, SslOptions, SslRef,
    SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder, X509Ref};
use zeroize::Zeroizing;

use crate::key_file::{self, KeyFileError, Passphrase};

pub use facts::CertificateFacts;
pub use shown::Shown;
pub use watched::WatchedFiles;

/// Largest certificate file that is read.
const MAX_PEM_BYTES: u64 = 256 * 1024;

/// A certificate with its private key: what this process shows to the other side.
///
/// Has no Debug, Clone or Serialize: it holds a private key.
pub struct TlsIdentity {
    certificate: X509,
    chain: Vec<X509>,
    key: PKey<Private>,
}

/// Why an identity or a listener could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The private key's file cannot be used: its mode, its passphrase, its content.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// No certificate in the file.
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// The private key belongs to another certificate.
    #[error("the private key is not the certificate's")]
    KeyMismatch,
    /// Neither a DNS name nor an IP address.
    #[error("{0:?} is neither a host name nor an IP address")]
    Host(String),
    /// The certificate would end before it begins.
    #[error("a certificate cannot end before it begins")]
    Lifetime,
    /// OpenSSL refused.
    #[error("openssl: {0}")]
    Openssl(#[from] ErrorStack),
}

impl TlsIdentity {
    /// Makes a P-256 key and a self-signed certificate for the host of an endpoint.
    ///
    /// `host` is a DNS name or an IP address (IPv6 without brackets) and becomes the subject
    /// alternative name. P-256 rather than Ed25519: every TLS stack of our peers speaks it.
    ///
    /// # Errors
    /// `Host`, `Lifetime`, `Openssl`.
    ///
    /// Source: PROTOCOL section 1; RFC 5280 section 4.
    pub fn generate(host: &str, from: Timestamp, until: Timestamp) -> Result<Self, TlsError> {
        if until <= from {
            return Err(TlsError::Lifetime);
        }
        let mut group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        group.set_asn1_flag(Asn1Flag::NAMED_CURVE);
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let name = subject_name(host)?;

        let mut builder = X509Builder::new()?;
        builder.set_version(2)?;
        let mut serial = BigNum::new()?;
        serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
        let serial = serial.to_asn1_integer()?;
        builder.set_serial_number(&serial)?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        builder.set_pubkey(&key)?;
        let not_before = Asn1Time::from_unix(from.unix_seconds())?;
        let not_after = Asn1Time::from_unix(until.unix_seconds())?;
        builder.set_not_before(&not_before)?;
        builder.set_not_after(&not_after)?;
        // Never an authority: nothing that this key signs is trusted because of this certificate.
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        let both_sides = ExtendedKeyUsage::new()
            .server_auth()
            .client_auth()
            .build()?;
        builder.append_extension(both_sides)?;
        let mut alternative = SubjectAlternativeName::new();
        match host.parse::<IpAddr>() {
            Ok(_) => alternative.ip(host),
            Err(_not_an_address) => alternative.dns(host),
        };
        let alternative = alternative.build(&builder.x509v3_context(None, None))?;
        builder.append_extension(alternative)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self {
            certificate: builder.build(),
            chain: Vec::new(),
            key,
        })
    }

    /// Reads a certificate (or a chain, leaf first) and its private key from PEM files, the key not
    /// sealed.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::open(certificate, key, None)
    }

    /// Reads a certificate (or a chain, leaf first) and its private key from PEM files. A sealed key
    /// is opened with `passphrase`; a plain one needs none.
    ///
    /// # Errors
    /// `File`, `Key` when group or others may touch the key or it cannot be opened,
    /// `NoCertificate`, `KeyMismatch`, `Openssl` when the PEM cannot be read.
    pub fn open(
        certificate: &Path,
        key: &Path,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, TlsError> {
        let certificates = read_bounded(certificate)?;
        let mut certificates = X509::stack_from_pem(&certificates)?.into_iter();
        let leaf = certificates
            .next()
            .ok_or_else(|| TlsError::NoCertificate(certificate.to_path_buf()))?;
        let key = PKey::private_key_from_pem(&key_file::read(key, passphrase)?)?;
        if !leaf.public_key()?.public_eq(&key) {
            return Err(TlsError::KeyMismatch);
        }
        Ok(Self {
            certificate: leaf,
            chain: certificates.collect(),
            key,
        })
    }

    /// Writes the certificate (0644) and the key (0600, PKCS#8) to new files; never over old ones.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_pem(&self, certificate: &Path, key: &Path) -> Result<(), TlsError> {
        self.write(certificate, key, None)
    }

    /// Writes the certificate (0644) and the key (0600, PKCS#8, sealed where there is a passphrase)
    /// to new files; never over old ones.
    ///
    /// # Errors
    /// `File` and `Key`, also when a file is already there; `Openssl`.
    pub fn write(
        &self,
        certificate: &Path,
        key: &Path,
        passphrase: Option<&Passphrase>,
    ) -> Result<(), TlsError> {
        let pem = Zeroizing::new(self.key.private_key_to_pem_pkcs8()?);
        key_file::write_new(key, &pem, passphrase)?;
        write_new(certificate, 0o644, &self.certificate_chain_pem()?)
    }

    /// SHA-256 of the certificate: how the directory and the other side know it.
    ///
    /// # Errors
    /// `Openssl`.
    pub fn fingerprint(&self) -> Result<Fingerprint, TlsError> {
        Ok(self.certificate()?.fingerprint())
    }

    /// The certificate, DER.
    ///
    /// # Errors
    /// `Openssl`.
    pub fn certificate_der(&self) -> Result<Vec<u8>, TlsError> {
        Ok(self.certificate.to_der()?)
    }

    /// The certificate as the directory names it.
    ///
    /// # Errors
    /// `Openssl`.
    pub fn certificate(&self) -> Result<Certificate, TlsError> {
        Ok(Certificate::from_der(self.certificate_der()?))
    }

    fn certificate_chain_pem(&self) -> Result<Vec<u8>, ErrorStack> {
        let mut pem = self.certificate.to_pem()?;
        for certificate in &self.chain {
            pem.extend(certificate.to_pem()?);
        }
        Ok(pem)
    }

    /// The identity as the client library wants it.
    pub(crate) fn for_client(&self) -> Result<reqwest::Identity, TlsError> {
        let key = Zeroizing::new(self.key.private_key_to_pem_pkcs8()?);
        reqwest::Identity::from_pkcs8_pem(&self.certificate_chain_pem()?, &key)
            .map_err(|_unreadable| TlsError::KeyMismatch)
    }

    /// For one connection, in place of what its context shows.
    fn show_on(&self, ssl: &mut SslRef) -> Result<(), ErrorStack> {
        ssl.set_certificate(&self.certificate)?;
        ssl.set_private_key(&self.key)?;
        for certificate in &self.chain {
            ssl.add_chain_cert(certificate.clone())?;
        }
        Ok(())
    }

    /// The same key and certificate, counted once more: no byte of the key is copied.
    fn twin(&self) -> Self {
        Self {
            certificate: self.certificate.clone(),
            chain: self.chain.clone(),
            key: self.key.clone(),
        }
    }
}

/// The federation listener's TLS: 1.3 only, asks for a client certificate.
///
/// Any certificate passes the handshake, and so does none: [`crate::signed::Door`] looks the
/// fingerprint up at each request (check 2). No tickets are given, so there is no resumption: every
/// connection has proved anew that it holds its certificate's key, and there is no early data that
/// could be replayed. (Our own client keeps connections and never resumes; nothing is lost.)
///
/// Only HTTP/1.1 is spoken: HTTP/2 lets a stranger's header lists take megabytes of memory before
/// anything can judge them, and our own client does not use it.
///
/// # Errors
/// `Openssl`.
///
/// Source: PROTOCOL section 1; RFC 8446 sections 4.3.2, 4.4.3, 4.6.1.
pub fn federation_acceptor(identity: &TlsIdentity) -> Result<SslAcceptorBuilder, TlsError> {
    federation_acceptor_of(&Shown::new(Arc::new(identity.twin())))
}

/// The same, showing at each handshake what is shown then: connections that are open stay.
///
/// # Errors
/// `Openssl`.
pub fn federation_acceptor_of(shown: &Shown) -> Result<SslAcceptorBuilder, TlsError> {
    let mut only_http_1 = between_members()?;
    only_http_1.set_alpn_select_callback(|_ssl, offered| {
        const HTTP_1: &[u8] = b"\x08http/1.1";
        if offered.windows(HTTP_1.len()).any(|one| one == HTTP_1) {
            Ok(b"http/1.1")
        } else {
            Err(AlpnError::ALERT_FATAL)
        }
    });
    let only_http_1 = only_http_1.build().into_context();
    let mut builder = between_members()?;
    // The HTTP server puts a callback of its own into the context it is given, one that prefers
    // HTTP/2; so each connection leaves that context before its offer is looked at.
    let shown = shown.clone();
    builder.set_client_hello_callback(move |ssl, _alert| {
        ssl.set_ssl_context(&only_http_1)?;
        shown.now().show_on(ssl)?;
        Ok(ClientHelloResponse::SUCCESS)
    });
    Ok(builder)
}

/// What holds on each connection between members. Both contexts of a listener are made here: a
/// connection takes its callbacks along from one to the other.
///
/// Neither holds a certificate: a context with one of another kind of key would go on showing it
/// beside the one that is shown now.
fn between_members() -> Result<SslAcceptorBuilder, TlsError> {
    let mut builder = SslAcceptor::mozilla_modern_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_3))?;
    builder.set_max_proto_version(Some(SslVersion::TLS1_3))?;
    builder.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::NO_COMPRESSION);
    builder.set_verify_callback(SslVerifyMode::PEER, |_chain_is_known, _context| true);
    builder.set_options(SslOptions::NO_TICKET);
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_num_tickets(0)?;
    Ok(builder)
}

/// TLS of the other listeners (hospital, patient, registry): 1.2 or newer, no client certificate.
///
/// # Errors
/// `Openssl`.
pub fn server_acceptor(identity: &TlsIdentity) -> Result<SslAcceptorBuilder, TlsError> {
    server_acceptor_of(&Shown::new(Arc::new(identity.twin())))
}

/// The same, showing at each handshake what is shown then.
///
/// # Errors
/// `Openssl`.
pub fn server_acceptor_of(shown: &Shown) -> Result<SslAcceptorBuilder, TlsError> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::NO_COMPRESSION);
    let shown = shown.clone();
    builder.set_client_hello_callback(move |ssl, _alert| {
        shown.now().show_on(ssl)?;
        Ok(ClientHelloResponse::SUCCESS)
    });
    Ok(builder)
}

/// The certificate that the other side of a connection showed and holds the key of.
///
/// Whose it is, and whether it still counts, is asked of the directory at each request.
#[derive(Debug, Clone, Copy)]
pub struct PeerCertificate(pub Fingerprint);

/// For `HttpServer::on_connect` of the federation listener: keeps the client's fingerprint.
///
/// Without a client certificate nothing is kept, and check 2 refuses each request.
pub fn remember_peer(connection: &dyn Any, extensions: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TlsStream<TcpStream>>() else {
        return;
    };
    let Some(certificate) = stream.ssl().peer_certificate() else {
        return;
    };
    if let Ok(fingerprint) = fingerprint_of(&certificate) {
        extensions.insert(PeerCertificate(fingerprint));
    }
}

fn fingerprint_of(certificate: &X509Ref) -> Result<Fingerprint, ErrorStack> {
    Ok(Fingerprint::of_certificate(&certificate.to_der()?))
}

/// A subject for people reading `openssl x509`; only the alternative name is ever compared.
fn subject_name(host: &str) -> Result<X509Name, TlsError> {
    let is_name = host.len() <= 253
        && !host.is_empty()
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
    if !is_name && host.parse::<IpAddr>().is_err() {
        return Err(TlsError::Host(host.to_owned()));
    }
    let mut name = X509NameBuilder::new()?;
    // X.520 allows 64 characters for a common name.
    let shown = if host.len() <= 64 {
        host
    } else {
        "musubi member"
    };
    name.append_entry_by_nid(Nid::COMMONNAME, shown)?;
    Ok(name.build())
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, TlsError> {
    let in_file = |source| TlsError::File {
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(in_file)?;
    let mut bytes = Vec::new();
    file.take(MAX_PEM_BYTES)
        .read_to_end(&mut bytes)
        .map_err(in_file)?;
    Ok(bytes)
}

fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), TlsError> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| TlsError::File {
        path: path.to_path_buf(),
        source,
    })
}

impl fmt::Display for PeerCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

#[cfg(test)]
mod tests;
