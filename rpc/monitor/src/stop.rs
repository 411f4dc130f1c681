//! Being asked to end: Ctrl-C in a pipe, `kill`, a terminal that goes away.

use tokio::signal::unix::{SignalKind, signal};

/// Comes back when the process is asked to end.
pub async fn requested() {
    let listen = |kind| signal(kind).ok();
    let (mut interrupt, mut terminate, mut hangup) =
        (listen(SignalKind::interrupt()), listen(SignalKind::terminate()), listen(SignalKind::hangup()));
    // A signal that cannot be listened to ends the process as it does without a listener.
    let next = async |signal: &mut Option<tokio::signal::unix::Signal>| match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    };
    tokio::select! {
        () = next(&mut interrupt) => {}
        () = next(&mut terminate) => {}
        () = next(&mut hangup) => {}
    }
}
