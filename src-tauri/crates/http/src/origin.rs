//! Where an address leads: scheme, host and port.

use url::Url;

/// `https://host:port`, without user, path and query; None for what is no address with a host.
pub fn origin_of(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    url.has_host().then(|| url.origin().ascii_serialization())
}

/// Whether credentials for one address may go to the other.
pub fn same_origin(one: &str, other: &str) -> bool {
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) => one.origin() == other.origin(),
        _ => false,
    }
}

/// Whether the address stays on this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(same_origin("https://H.example/a", "https://h.example:443/b?c"));
        for other in
            ["http://h.example", "https://h.example:444", "https://h.example.evil", "https://user@x", "nonsense"]
        {
            assert!(!same_origin("https://h.example", other), "{other}");
        }
        assert_eq!(origin_of("https://me:pw@h.example/x?y").as_deref(), Some("https://h.example"));
        assert_eq!(origin_of("mailto:x"), None);
    }
}
