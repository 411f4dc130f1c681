//! An address to publish at: `tcp://host:port`, or a Unix domain socket.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Where to publish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// A port. The host is a name, an IP address without brackets, or `*` for every address of the machine. Port 0 lets
    /// the system choose one.
    Tcp(String, u16),
    /// A Unix domain socket at this path.
    Ipc(PathBuf),
}

/// Why a text is no address to publish at.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EndpointError {
    /// It begins with neither of those that are known.
    #[error("it begins with neither tcp:// nor ipc:// nor unix:")]
    Transport,
    /// There is no host.
    #[error("it has no host")]
    Host,
    /// There is no port, or it is none.
    #[error("it has no port from 0 to 65535")]
    Port,
    /// There is no path of a file.
    #[error("it has no path of a file")]
    Path,
    /// The system has no such sockets.
    #[error("this system has no Unix domain sockets")]
    NoUnix,
}

impl Endpoint {
    /// Reads an address as Core's options have it. `unix:` is another word for `ipc://`.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        if let Some(rest) = text.strip_prefix("tcp://") {
            let (host, port) = rest.rsplit_once(':').ok_or(EndpointError::Port)?;
            // `+80` would pass for a number.
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse().ok().filter(|_| digits).ok_or(EndpointError::Port)?;
            let host = match host.strip_prefix('[') {
                Some(v6) => v6.strip_suffix(']').filter(|v6| v6.parse::<Ipv6Addr>().is_ok()),
                None => Some(host).filter(|host| !host.contains([':', '/', '[', ']'])),
            };
            let host = host.filter(|host| !host.is_empty()).ok_or(EndpointError::Host)?;
            return Ok(Self::Tcp(host.into(), port));
        }
        let path = text.strip_prefix("ipc://").or_else(|| text.strip_prefix("unix:"));
        let path = path.ok_or(EndpointError::Transport)?;
        // For libzmq these are no files.
        if path.is_empty() || path == "*" || path.starts_with('@') || path.ends_with('/') {
            return Err(EndpointError::Path);
        }
        if cfg!(unix) { Ok(Self::Ipc(path.into())) } else { Err(EndpointError::NoUnix) }
    }

    /// Listens there. A socket file that nobody listens at is replaced, any other file is not.
    pub(super) fn listen(&self) -> io::Result<Listener> {
        match self {
            Self::Tcp(host, port) => {
                let listener = match host.as_str() {
                    "*" => TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port))
                        .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port))),
                    host => TcpListener::bind((host, *port)),
                }?;
                listener.set_nonblocking(true)?;
                Ok(Listener::Tcp(listener))
            }
            #[cfg(unix)]
            Self::Ipc(path) => {
                remove_stale(path)?;
                let listener = UnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                Ok(Listener::Unix(listener, SocketFile(path.clone())))
            }
            #[cfg(not(unix))]
            Self::Ipc(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The same with the port that the system chose.
    pub(super) fn with_port_of(&self, address: Option<SocketAddr>) -> Self {
        match (self, address) {
            (Self::Tcp(host, 0), Some(address)) => Self::Tcp(host.clone(), address.port()),
            _ => self.clone(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "tcp://{host}:{port}"),
            Self::Ipc(path) => write!(f, "ipc://{}", path.display()),
        }
    }
}

/// What a node that was killed leaves behind must not keep the next one from starting.
#[cfg(unix)]
fn remove_stale(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket && UnixStream::connect(path).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// A socket's file, removed with it.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have removed it before.
        let _ = std::fs::remove_file(Path::new(&self.0));
    }
}

/// A socket that listens, outside any runtime.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// The IP address and port, if it has one.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(..) => None,
        }
    }
}
