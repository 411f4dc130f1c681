//! Listens on a thread of its own, and bounds the connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// After a connection could not be taken, the next is tried after this time.
const BREATH: Duration = Duration::from_secs(1);

/// A server that runs on a thread of its own. Dropping it ends it, and its connections.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    name: &'static str,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Takes in who calls a listener, and runs `run` in a runtime on a thread of this name until either ends. At most
    /// `max_connections` are let in at a time.
    pub(crate) fn start<R: Future<Output = ()>>(
        name: &'static str,
        listener: std::net::TcpListener,
        max_connections: usize,
        run: impl FnOnce(Door) -> R + Send + 'static,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, mut stopped) = watch::channel(false);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            runtime.block_on(async {
                let listener = match TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => return tracing::error!(target: "mining", %error, "{name} cannot listen"),
                };
                let door = Door { name, listener, max_connections };
                tokio::select! {
                    _ = stopped.wait_for(|stop| *stop) => {}
                    () = run(door) => {}
                }
            });
            // A template or a block that is under way may take a while; nobody waits for it.
            runtime.shutdown_background();
        })?;
        Ok(Self { address, name, stop, thread: Some(thread) })
    }

    /// Whether it does not run any more although it was not told to stop.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(target: "mining", "the thread of the {} server has failed", self.name);
        }
    }
}

/// Where the connections of a server come in.
pub(crate) struct Door {
    name: &'static str,
    listener: TcpListener,
    max_connections: usize,
}

impl Door {
    /// Lets in who comes, for as long as it is polled: what `lead` makes of a connection becomes a task, and holds one
    /// of the places until it ends. Who comes while all are taken is turned away.
    pub(crate) async fn admit<L>(self, mut lead: impl FnMut(TcpStream, SocketAddr) -> L)
    where
        L: Future<Output = ()> + Send + 'static,
    {
        let Self { name, listener, max_connections } = self;
        let places = Arc::new(Semaphore::new(max_connections));
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(target: "mining", %error, "a connection to {name} cannot be taken");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                tracing::debug!(target: "mining", %peer, "refused by {name}: {max_connections} are connected");
                continue;
            };
            let led = lead(stream, peer);
            tokio::spawn(async move {
                led.await;
                drop(place);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::wait_until;
    use std::io::Read;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn any_port() -> std::net::TcpListener {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap()
    }

    /// Greets, and waits for the end.
    async fn greet(mut stream: TcpStream) {
        let _ = stream.write_all(b"hi").await;
        let _ = stream.read_u8().await;
    }

    fn call(server: &Server) -> std::net::TcpStream {
        let stream = std::net::TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    fn is_greeted(mut stream: &std::net::TcpStream) -> bool {
        stream.read_exact(&mut [0; 2]).is_ok()
    }

    #[test]
    fn places_are_bounded_and_given_again_and_a_drop_ends_all() {
        let server = Server::start("test", any_port(), 2, |door| door.admit(|stream, _| greet(stream)));
        let server = server.unwrap();
        let (first, second) = (call(&server), call(&server));
        assert!(is_greeted(&first) && is_greeted(&second));
        assert!(!is_greeted(&call(&server)));
        drop(first);
        wait_until("a place", || is_greeted(&call(&server)));
        assert!(!server.has_ended());
        drop(server);
        assert!(!is_greeted(&second));
    }

    #[test]
    fn a_server_that_ends_by_itself_says_so() {
        let server = Server::start("test", any_port(), 1, |_| async {}).unwrap();
        wait_until("the end", || server.has_ended());
    }
}
