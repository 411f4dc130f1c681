//! Ctrl-C and a polite kill: the first lets the miner say goodbye, the second ends it at once.

use std::io;

/// The exit code of a process that a second signal ended, as shells count Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Calls `stop` at the first signal, on a thread of its own.
pub(crate) fn on_stop(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        // Caught from here on, not from when the thread runs.
        let _inside = runtime.enter();
        Signals::catch()?
    };
    let wait = move || {
        runtime.block_on(async {
            if signals.come().await {
                stop();
                signals.come().await;
                std::process::exit(INTERRUPTED);
            }
        });
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait).map(drop)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn come(&mut self) -> bool {
        tokio::select! {
            signal = self.interrupt.recv() => signal.is_some(),
            signal = self.terminate.recv() => signal.is_some(),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self)
    }

    async fn come(&mut self) -> bool {
        tokio::signal::ctrl_c().await.is_ok()
    }
}
