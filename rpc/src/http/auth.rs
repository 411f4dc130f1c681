//! Who may call: cookie file, user and password, `-rpcauth` entries, and the methods each user is let through to.
//!
//! Passwords are kept as HMAC-SHA256 under a salt, and compared in time that does not depend on where they differ.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chaincore_consensus::hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The user name in the cookie file.
pub const COOKIE_USER: &str = "__cookie__";

/// Who may read the cookie file (`-rpccookieperms`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CookieAccess {
    /// The owner alone: mode 0600.
    #[default]
    Owner,
    /// The owner's group too: mode 0640.
    Group,
    /// Everybody: mode 0644.
    All,
}

/// The options that say who may call, as the node was given them.
#[derive(Debug, Clone, Default)]
pub struct AuthOptions {
    /// `-rpcuser`.
    pub user: String,
    /// `-rpcpassword`; if empty, a cookie is made.
    pub password: String,
    /// `-rpcauth`, each `user:salt$hmac`.
    pub rpcauth: Vec<String>,
    /// `-rpcwhitelist`, each `user:method,method`.
    pub whitelist: Vec<String>,
    /// `-rpcwhitelistdefault`; unset means: if there is any whitelist.
    pub whitelist_default: Option<bool>,
    /// Where the cookie goes; `None` makes none (`-norpccookiefile`).
    pub cookie_file: Option<PathBuf>,
    /// Who may read the cookie.
    pub cookie_access: CookieAccess,
}

/// Why the options cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// An `-rpcauth` is not `user:salt$hmac`. The value is not repeated: it may hold a password.
    #[error("invalid -rpcauth argument (number {0}): expected user:salt$hmac")]
    RpcAuth(usize),
    /// The cookie file cannot be written.
    #[error("unable to write the cookie file {}: {source}", path.display())]
    Cookie {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The system gives no random bytes.
    #[error("no random bytes for the cookie: {0}")]
    Random(String),
}

struct Credential {
    user: String,
    salt: Vec<u8>,
    /// HMAC-SHA256 of the password, in hexadecimal.
    digest: String,
}

/// Who may call what. Dropping it removes the cookie file it made.
pub struct Auth {
    credentials: Vec<Credential>,
    whitelist: BTreeMap<String, BTreeSet<String>>,
    whitelist_default: bool,
    cookie: Mutex<Option<(PathBuf, String)>>,
}

/// What the gate says of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access<'a> {
    /// Every method.
    All,
    /// These methods.
    Only(&'a BTreeSet<String>),
    /// None.
    Nothing,
}

impl Auth {
    /// Takes the options, and writes the cookie file if there is no password.
    pub fn new(options: &AuthOptions) -> Result<Self, AuthError> {
        let mut auth = Self {
            credentials: Vec::new(),
            whitelist: BTreeMap::new(),
            whitelist_default: options.whitelist_default.unwrap_or(!options.whitelist.is_empty()),
            cookie: Mutex::new(None),
        };
        for (index, entry) in options.rpcauth.iter().enumerate() {
            let fields = entry.split_once(':').filter(|(_, rest)| !rest.contains(':'));
            let fields = fields.and_then(|(user, rest)| {
                let (salt, digest) = rest.split_once('$').filter(|(_, digest)| !digest.contains('$'))?;
                Some(Credential { user: user.into(), salt: salt.into(), digest: digest.into() })
            });
            auth.credentials.push(fields.ok_or(AuthError::RpcAuth(index + 1))?);
        }
        for entry in &options.whitelist {
            let (user, methods) = entry.split_once(':').map_or((entry.as_str(), None), |(u, m)| (u, Some(m)));
            let earlier = auth.whitelist.remove(user);
            let set = match methods {
                None => earlier.unwrap_or_default(),
                Some(methods) => {
                    let named: BTreeSet<String> = methods.split([',', ' ']).map(str::to_owned).collect();
                    // Several whitelists of one user allow what is in all of them.
                    earlier.map_or_else(|| named.clone(), |earlier| &earlier & &named)
                }
            };
            auth.whitelist.insert(user.into(), set);
        }
        if !options.password.is_empty() {
            auth.add_plain(&options.user, &options.password)?;
        } else if let Some(path) = &options.cookie_file {
            let password = hex::encode(&random::<32>()?);
            let content = format!("{COOKIE_USER}:{password}");
            write_cookie(path, &content, options.cookie_access)
                .map_err(|source| AuthError::Cookie { path: path.clone(), source })?;
            auth.cookie = Mutex::new(Some((path.clone(), content)));
            auth.add_plain(COOKIE_USER, &password)?;
        }
        Ok(auth)
    }

    fn add_plain(&mut self, user: &str, password: &str) -> Result<(), AuthError> {
        let salt = hex::encode(&random::<16>()?).into_bytes();
        let digest = hex::encode(&password_digest(&salt, password));
        self.credentials.push(Credential { user: user.into(), salt, digest });
        Ok(())
    }

    /// The user that the value of an `Authorization` header proves, if it does.
    pub fn user_of(&self, header: &[u8]) -> Option<String> {
        let encoded = std::str::from_utf8(header.strip_prefix(b"Basic ")?).ok()?.trim();
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        // Every entry is looked at, so that the time does not tell which one it was.
        let known = self.credentials.iter().fold(false, |known, entry| {
            let right_user = same(entry.user.as_bytes(), user.as_bytes());
            let digest = hex::encode(&password_digest(&entry.salt, password));
            known | (right_user & same(digest.as_bytes(), entry.digest.as_bytes()))
        });
        known.then(|| user.to_owned())
    }

    /// What `user` may call.
    pub fn access(&self, user: &str) -> Access<'_> {
        match self.whitelist.get(user) {
            Some(methods) => Access::Only(methods),
            None if self.whitelist_default => Access::Nothing,
            None => Access::All,
        }
    }

    /// Removes the cookie file, if it is still the one that was made here.
    pub fn remove_cookie(&self) {
        let made = self.cookie.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((path, content)) = made
            && fs::read_to_string(&path).is_ok_and(|found| found == content)
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!("unable to remove the cookie file {}: {error}", path.display());
        }
    }
}

impl Drop for Auth {
    fn drop(&mut self) {
        self.remove_cookie();
    }
}

impl Access<'_> {
    /// Whether `method` is let through.
    pub fn allows(&self, method: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(methods) => methods.contains(method),
            Self::Nothing => false,
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], AuthError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| AuthError::Random(error.to_string()))?;
    Ok(bytes)
}

fn password_digest(salt: &[u8], password: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(salt).expect("HMAC takes keys of any length");
    mac.update(password.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Equality whose time depends on the lengths alone.
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    let mut difference = left.len() ^ right.len();
    for (index, byte) in left.iter().enumerate() {
        difference |= usize::from(byte ^ right.get(index).copied().unwrap_or(0));
    }
    std::hint::black_box(difference) == 0
}

/// Writes the whole file under another name first: whoever finds the cookie finds all of it.
fn write_cookie(path: &Path, content: &str, access: CookieAccess) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    // A left-over of a crash must not lend its permissions.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&temporary)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    drop(file);
    set_access(&temporary, access)?;
    fs::rename(&temporary, path)
}

#[cfg(unix)]
fn set_access(path: &Path, access: CookieAccess) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = match access {
        CookieAccess::Owner => 0o600,
        CookieAccess::Group => 0o640,
        CookieAccess::All => 0o644,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_access(_path: &Path, _access: CookieAccess) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(user: &str, password: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))).into_bytes()
    }

    #[test]
    fn passwords_and_rpcauth_are_checked() {
        // HMAC-SHA256 with key "salt" of "secret", as the rpcauth script would print it.
        let digest = hex::encode(&password_digest(b"salt", "secret"));
        let auth = Auth::new(&AuthOptions {
            user: "alice".into(),
            password: "p:w".into(),
            rpcauth: vec![format!("bob:salt${digest}")],
            ..AuthOptions::default()
        })
        .unwrap();
        assert_eq!(auth.user_of(&header("alice", "p:w")).as_deref(), Some("alice"));
        assert_eq!(auth.user_of(&header("bob", "secret")).as_deref(), Some("bob"));
        for (user, password) in [("alice", "secret"), ("bob", "p:w"), ("bob", ""), ("", ""), ("alicf", "p:w")]
        {
            assert_eq!(auth.user_of(&header(user, password)), None);
        }
        for bad in ["Basic", "Basic !!!", "basic YTpi", "Bearer x", "Basic YWxpY2U="] {
            assert_eq!(auth.user_of(bad.as_bytes()), None);
        }
    }

    #[test]
    fn hmac_is_the_published_one() {
        // RFC 4231, test case 2.
        assert_eq!(
            hex::encode(&password_digest(b"Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn bad_rpcauth_is_refused_without_showing_it() {
        for entry in ["bob", "bob:salt", "bob:salt$a$b", "a:b:c$d"] {
            let error = Auth::new(&AuthOptions { rpcauth: vec![entry.into()], ..AuthOptions::default() });
            let text = error.err().unwrap().to_string();
            assert!(text.contains("number 1") && !text.contains(entry), "{text}");
        }
    }

    #[test]
    fn whitelists_intersect_and_default() {
        let options = AuthOptions {
            whitelist: vec!["a:help,stop".into(), "a:stop,uptime".into(), "b".into()],
            ..AuthOptions::default()
        };
        let auth = Auth::new(&options).unwrap();
        assert!(auth.access("a").allows("stop"));
        assert!(!auth.access("a").allows("help"));
        assert!(!auth.access("b").allows("help"));
        assert_eq!(auth.access("c"), Access::Nothing);
        let open = Auth::new(&AuthOptions { whitelist_default: Some(false), ..options }).unwrap();
        assert_eq!(open.access("c"), Access::All);
    }

    #[test]
    fn the_cookie_is_private_whole_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".cookie");
        let options = AuthOptions { cookie_file: Some(path.clone()), ..AuthOptions::default() };
        let auth = Auth::new(&options).unwrap();
        let content = fs::read_to_string(&path).unwrap();
        let (user, password) = content.split_once(':').unwrap();
        assert_eq!((user, password.len()), (COOKIE_USER, 64));
        assert!(password.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(auth.user_of(&header(user, password)).as_deref(), Some(COOKIE_USER));
        // A second node's cookie is left alone.
        let second = Auth::new(&options).unwrap();
        drop(auth);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
