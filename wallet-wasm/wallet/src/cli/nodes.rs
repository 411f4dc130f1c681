//! Nodes over HTTP and HTTPS.

use super::failure::Failure;
use chaincore_wallet::chain::ChainSpec;
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// How long a node may take to be reached, and to answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(30);
/// A node that is busy or starting is asked again after this time, and so many times in all.
const BREATH: Duration = Duration::from_secs(1);
const TRIES: u32 = 10;
/// No answer is longer, in bytes.
const MAX_ANSWER: u64 = 160 << 20;
/// No file with certificates is longer, in bytes.
const MAX_AUTHORITIES: u64 = 1 << 20;

/// Something to fetch.
pub struct Request {
    pub id: u64,
    pub node: usize,
    pub post: bool,
    pub path: String,
    pub body: Vec<u8>,
}

/// An answer: status 0 if there was none, and then why.
pub struct Response {
    pub id: u64,
    pub node: usize,
    pub status: u16,
    pub body: Vec<u8>,
}

/// The authorities of one's own that vouch for nodes: certificates in PEM, checked to be some. Without any, those vouch
/// that browsers know.
pub struct Authorities(Vec<Certificate<'static>>);

impl Authorities {
    /// Reads certificates.
    pub fn parse(pem: &str) -> Result<Self, String> {
        let mut certificates = Vec::new();
        for item in parse_pem(pem.as_bytes()) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
                certificates.push(certificate);
            }
        }
        match certificates.is_empty() {
            true => Err("there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)".into()),
            false => Ok(Self(certificates)),
        }
    }

    /// The text of a file with certificates.
    pub fn read(path: &Path) -> Result<String, Failure> {
        let bad = |why: String| Failure::usage(format!("the certificates {}: {why}", path.display()));
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|error| bad(error.to_string()))?;
        file.take(MAX_AUTHORITIES).read_to_string(&mut text).map_err(|error| bad(error.to_string()))?;
        Self::parse(&text).map_err(bad)?;
        Ok(text)
    }
}

/// The nodes that answer, in the order in which they were named.
pub struct Nodes {
    agent: ureq::Agent,
    pub urls: Vec<String>,
    /// What each says of its chain.
    pub about: Vec<Value>,
}

/// A URL without what people write behind it. Other clients want the path of the index, which is one of many here.
fn base(url: &str) -> Result<String, Failure> {
    let url = url.trim().trim_end_matches('/');
    let url = url.strip_suffix("/api").unwrap_or(url);
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Ok(url.into())
        }
        _ => Err(Failure::usage(format!("'{url}' is no node: expected http://HOST:PORT"))),
    }
}

impl Nodes {
    /// Finds the nodes that answer. The others are named to `tell`. `authorities` vouch for `https://` nodes, those
    /// that browsers know if there are none.
    pub fn find(
        urls: &[String],
        authorities: Option<Authorities>,
        tell: &dyn Fn(&str),
    ) -> Result<Self, Failure> {
        let roots = authorities.map_or(RootCerts::WebPki, |Authorities(own)| own.into());
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(ANSWER))
            .max_redirects(0)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .user_agent(concat!("chaincore-wallet/", env!("CARGO_PKG_VERSION")))
            .build();
        let mut nodes = Self { agent: config.into(), urls: Vec::new(), about: Vec::new() };
        let mut dead = Vec::new();
        for url in urls {
            let url = base(url)?;
            match nodes.ask_chain(&url) {
                Ok(about) => {
                    nodes.urls.push(url);
                    nodes.about.push(about);
                }
                Err(reason) => dead.push(format!("{url}: {reason}")),
            }
        }
        if nodes.urls.is_empty() {
            let message = match dead.as_slice() {
                [] => "no node is known: name one with --node http://HOST:PORT".to_string(),
                _ => format!("no node answers\n  {}", dead.join("\n  ")),
            };
            return Err(Failure::new("no_node", message));
        }
        for dead in &dead {
            tell(&format!("passed over: {dead}"));
        }
        Ok(nodes)
    }

    /// Passes over the nodes whose chain begins with another block.
    pub fn keep_chain(&mut self, genesis: &str, tell: &dyn Fn(&str)) -> Result<(), Failure> {
        let mut others = Vec::new();
        for at in (0..self.urls.len()).rev() {
            if self.about[at]["genesis"] != genesis {
                let name = super::output::plain(self.about[at]["name"].as_str().unwrap_or_default());
                let other = format!("{} is on another chain ({name})", self.urls[at]);
                tell(&other);
                others.push(other);
                self.urls.remove(at);
                self.about.remove(at);
            }
        }
        match self.urls.is_empty() {
            true => Err(Failure::new("wrong_chain", others.join("; "))),
            false => Ok(()),
        }
    }

    fn ask_chain(&self, url: &str) -> Result<Value, String> {
        let mut tries = 1;
        let (status, body) = loop {
            let (status, body) = self.send(url, false, "/light/chain", &[])?;
            if !matches!(status, 429 | 503) {
                break (status, body);
            }
            if tries == TRIES {
                return Err(format!("it is busy or starting: it answers {status} again and again"));
            }
            tries += 1;
            std::thread::sleep(BREATH);
        };
        let about: Option<Value> = serde_json::from_slice(&body).ok();
        match about.filter(|about| status == 200 && about["name"].is_string()) {
            Some(about) => Ok(about),
            None => Err(format!("it answers {status} to /light/chain: is it a ChainCore node?")),
        }
    }

    fn send(&self, url: &str, post: bool, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>), String> {
        let url = format!("{url}{path}");
        let answer = match post {
            true => self.agent.post(&url).content_type("text/plain").send(body),
            false => self.agent.get(&url).call(),
        };
        let mut answer = answer.map_err(|error| reason(&error))?;
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        let reader = answer.body_mut().as_reader().take(MAX_ANSWER + 1).read_to_end(&mut bytes);
        reader.map_err(|error| error.to_string())?;
        if bytes.len() as u64 > MAX_ANSWER {
            return Err("the answer is too long".into());
        }
        Ok((status, bytes))
    }

    /// Asks a node.
    pub fn ask(&self, request: &Request) -> Response {
        let Request { id, node, post, ref path, ref body } = *request;
        let answer = match self.urls.get(node) {
            Some(url) => self.send(url, post, path, body),
            None => Err("there is no such node".into()),
        };
        match answer {
            Ok((status, body)) => Response { id, node, status, body },
            Err(reason) => Response { id, node, status: 0, body: reason.into_bytes() },
        }
    }

    /// The chain of the main node, for a wallet that is yet to be made.
    pub fn chain(&self) -> ChainSpec {
        match self.about[0]["file"].as_str() {
            Some(file) => ChainSpec::File { file: file.into() },
            None => ChainSpec::Name { name: self.about[0]["name"].as_str().unwrap_or_default().to_string() },
        }
    }
}

/// Why a node could not be asked, and what helps.
fn reason(error: &ureq::Error) -> String {
    let text = match error {
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    };
    let help = if text.contains("UnknownIssuer") || text.contains("CaUsedAsEndEntity") {
        ": nobody known vouches for its certificate; name who does with --ca-cert FILE"
    } else if text.contains("InvalidContentType") {
        ": it does not speak TLS; is it http:// instead of https://?"
    } else {
        ""
    };
    format!("{text}{help}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_vouches_is_said_in_pem() {
        let pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert_eq!(Authorities::parse(&pem.repeat(2)).map(|own| own.0.len()), Ok(2));
        for bad in ["", "nonsense", "-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n"] {
            assert!(Authorities::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Authorities::read(Path::new("/nowhere/ca.pem")).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn urls_as_people_write_them() {
        for url in ["http://a:1", "http://a:1/", "http://a:1/api", " http://a:1/api/ "] {
            assert_eq!(base(url).unwrap(), "http://a:1");
        }
        for bad in ["", "a:1", "ftp://a", "http://", "http://a b"] {
            assert_eq!(base(bad).unwrap_err().exit_code(), 2, "{bad}");
        }
        let nobody = Nodes::find(&[], None, &|_| {});
        assert_eq!(nobody.err().unwrap().exit_code(), 6);
    }
}
