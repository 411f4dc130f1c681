//! The distance between two nodes: a line whose two ends are sockets.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// A line between two nodes that keeps what is sent until it is opened.
pub struct Line {
    pub address: SocketAddr,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Line {
    /// An open line for one connection to `target`.
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::new((Mutex::new(true), Condvar::new()));
        let shared = gate.clone();
        std::thread::spawn(move || {
            let (caller, _) = listener.accept().unwrap();
            let called = TcpStream::connect(target).unwrap();
            let copy = |stream: &TcpStream| stream.try_clone().unwrap();
            for (from, to) in [(copy(&caller), copy(&called)), (called, caller)] {
                let gate = shared.clone();
                std::thread::spawn(move || carry(from, to, &gate));
            }
        });
        Self { address, gate }
    }

    pub fn set_open(&self, is_open: bool) {
        *self.gate.0.lock().unwrap() = is_open;
        self.gate.1.notify_all();
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, gate: &(Mutex<bool>, Condvar)) {
    let _ = to.set_nodelay(true);
    let mut piece = vec![0; 64 << 10];
    while let Ok(size) = from.read(&mut piece)
        && size > 0
    {
        let open = gate.1.wait_while(gate.0.lock().unwrap(), |is_open| !*is_open).unwrap();
        drop(open);
        if to.write_all(&piece[..size]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
