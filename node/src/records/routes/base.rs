//! Where this node is, as the caller called it: the beginning of every absolute link.

use std::net::IpAddr;

use actix_web::HttpRequest;

/// Where `/fhir` is, without a slash at its end.
pub(crate) fn base(request: &HttpRequest) -> String {
    format!("{}/fhir", origin(request))
}

/// Scheme, host and port.
///
/// Who calls names the host, so it is taken only if it looks like one. A proxy's
/// `X-Forwarded-Proto` and `-Host` count only where the connection is plain and comes from this
/// machine: a listener without TLS is bound to loopback (see the settings), so what comes from
/// elsewhere was not forwarded by a proxy of ours.
pub(crate) fn origin(request: &HttpRequest) -> String {
    let secure = request.app_config().secure();
    let local = request
        .peer_addr()
        .is_some_and(|peer| is_loopback(peer.ip()));
    let forwarded = |name| (!secure && local).then(|| first(request, name)).flatten();
    let scheme = match forwarded("x-forwarded-proto") {
        Some("https") => "https",
        _ if secure => "https",
        _ => "http",
    };
    let host = forwarded("x-forwarded-host")
        .filter(|host| is_host(host))
        .or_else(|| first(request, "host").filter(|host| is_host(host)))
        // Over HTTP/2 it stands in the address asked for.
        .or_else(|| {
            let authority = request.uri().authority()?.as_str();
            is_host(authority).then_some(authority)
        })
        .unwrap_or_else(|| request.app_config().host());
    format!("{scheme}://{host}")
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// The first value of a header that proxies append to.
fn first<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    let value = request.headers().get(name)?.to_str().ok()?;
    value.split(',').next().map(str::trim)
}

/// A name or address, with a port perhaps: nothing that could end the link or lead elsewhere.
fn is_host(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    (1..=255).contains(&host.len()) && host.bytes().all(plain)
}
