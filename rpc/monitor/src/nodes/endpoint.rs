//! Where a node's REST is.

use std::fmt;
use std::str::FromStr;

/// The port if none is given: that of the chain `chaincore`.
pub const DEFAULT_PORT: u16 = 5000;

/// `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address (IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "http://[{}]:{}", self.host, self.port),
            false => write!(f, "http://{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    /// Reads `http://host:port`, `host:port`, `host` or `:port`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            |why: &str| Err(format!("'{text}' is not a node's URL such as http://127.0.0.1:5000: {why}"));
        let text = text.trim();
        if text.starts_with("https://") {
            return wrong(
                "nodes speak plain HTTP; reach a distant one through an SSH tunnel or a proxy of yours",
            );
        }
        let place = text.strip_prefix("http://").unwrap_or(text);
        let place = place.strip_suffix('/').unwrap_or(place);
        if place.is_empty() {
            return wrong("there is no host");
        }
        if place.contains(['/', '?', '#', '@', ' ']) {
            return wrong("only a host and a port can be given");
        }
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((host, "")) => (host, None),
                Some((host, port)) if port.starts_with(':') => (host, Some(&port[1..])),
                _ => return wrong("an IPv6 address is written [::1]:5000"),
            },
            None => match place.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return wrong("an IPv6 address is written [::1]:5000");
                }
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port.map(str::parse::<u16>) {
            None => DEFAULT_PORT,
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return wrong("the port must be a number from 1 to 65535"),
        };
        let host = if host.is_empty() { "127.0.0.1" } else { host };
        Ok(Self { host: host.into(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_generously() {
        let read = |text: &str| text.parse::<Endpoint>().map(|endpoint| endpoint.to_string());
        for (text, meant) in [
            ("http://localhost:5001", "http://localhost:5001"),
            ("http://localhost:5001/", "http://localhost:5001"),
            ("core1", "http://core1:5000"),
            (":5002", "http://127.0.0.1:5002"),
            ("[::1]", "http://[::1]:5000"),
            ("http://[::1]:7", "http://[::1]:7"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(meant), "{text}");
        }
        for text in
            ["", "http://", "https://a", "a:0", "a:x", "a:99999", "::1", "a/b", "u@h", "[::1", "[::1]x"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("https://a").is_err_and(|error| error.contains("SSH tunnel")));
    }
}
