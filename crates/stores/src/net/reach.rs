//! Which addresses a store may have: a tenant chooses the URL, so link-local and metadata addresses are refused, by number and
//! after DNS (SEC-12). Loopback and private ranges stay open, since that is where stores of one's own live.
//!
//! The check after DNS is part of the connection's own resolution, so a name cannot change between check and use. Where
//! requests go through a proxy, the proxy resolves names and its own rules apply; addresses by number are refused here even so.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use futures::future::BoxFuture;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use crate::base::{Error, Kind, Result};

/// Metadata services outside the link-local ranges: Azure's wire server, Alibaba Cloud, Oracle Cloud Classic.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
/// First segments of their IPv6 kin: AWS (`fd00:ec2::254` and its siblings), Google Cloud (`fd20:ce::254`).
const METADATA_V6: [[u16; 2]; 2] = [[0xfd00, 0x0ec2], [0xfd20, 0x00ce]];

/// Looks a host name up.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The system's lookup.
#[must_use]
pub fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// True for addresses that no store may have.
#[must_use]
pub fn is_refused(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => {
            let first = [v6.segments()[0], v6.segments()[1]];
            let own = v6.is_unicast_link_local() || METADATA_V6.contains(&first);
            own || embedded(v6).is_some_and(|v4| is_refused(IpAddr::V4(v4)))
        }
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 and 6to4 forms.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(join(high, low))
        }
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// Checks a URL whose host is an address. Odd forms (decimal, octal, hex) are already one form after URL parsing.
///
/// # Errors
/// `Refused`.
pub fn check(url: &Url) -> Result<()> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse() {
        Ok(address) if is_refused(address) => Err(refusal(host)),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The error for a host that no store may have.
pub(super) fn refusal(host: &str) -> Error {
    Error::new(Kind::Refused, "the address of the store is link-local or of a metadata service")
        .with("host", host)
}

/// Resolution for all clients: one forbidden address refuses the name.
pub(super) struct Guarded(pub(super) Lookup);

/// Stands in the chain of sources of a failed request.
#[derive(Debug)]
pub(super) struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to a link-local or metadata address")
    }
}

impl std::error::Error for Forbidden {}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.0)(name.as_str().to_string());
        Box::pin(async move {
            let found = found.await?;
            if found.iter().copied().any(is_refused) {
                return Err(Forbidden.into());
            }
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> bool {
        check(&Url::parse(url).unwrap()).is_err()
    }

    #[test]
    fn sec_12_metadata_addresses_are_refused_in_every_form() {
        let urls = [
            "http://169.254.169.254/latest",
            "http://169.254.170.2/",
            "http://2852039166/",
            "http://0xA9FEA9FE/",
            "http://0251.0376.0251.0376/",
            "http://169.254.43518/",
            "http://169.254.169.254./",
            "http://[::ffff:169.254.169.254]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[::169.254.169.254]/",
            "http://[64:ff9b::169.254.169.254]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://[fe80::1]/",
            "http://[febf::1]/",
            "http://[fd00:ec2::254]/",
            "http://[fd20:ce::254]/",
            "http://168.63.129.16/",
            "http://100.100.100.200/",
        ];
        for url in urls {
            assert!(refused(url), "{url}");
        }
    }

    #[test]
    fn stores_of_ones_own_stay_within_reach() {
        let urls = [
            "http://127.0.0.1:8200",
            "http://[::1]:8200",
            "https://10.0.0.1",
            "https://192.168.1.1",
            "https://172.16.0.1",
            "https://[fd12:3456::1]",
            "https://100.64.0.1",
            "https://8.8.8.8",
            "https://vault.example",
        ];
        for url in urls {
            assert!(!refused(url), "{url}");
        }
    }
}
