//! A line between two nodes that a test can cut, slow down and make unreliable.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A TCP proxy in threads of its own. It starts cut.
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
}

struct Line {
    target: SocketAddr,
    is_open: AtomicBool,
    is_over: AtomicBool,
    /// How long each piece of data is held back, in microseconds.
    delay: AtomicU64,
    /// After so many pieces of data the connection is reset; 0 for never.
    resets: AtomicU64,
    /// Pieces of data passed on.
    passed: AtomicU64,
    ends: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A line to `target`, cut.
    pub fn new(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let line = Arc::new(Line {
            target,
            is_open: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            delay: AtomicU64::new(0),
            resets: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            ends: Mutex::default(),
        });
        let serving = line.clone();
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                if serving.is_over.load(Ordering::Acquire) {
                    return;
                }
                if let Ok(caller) = caller {
                    serving.connect(caller);
                }
            }
        });
        Self { address, line }
    }

    /// Where to call.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets connections through.
    pub fn heal(&self) {
        self.line.is_open.store(true, Ordering::Release);
    }

    /// Ends all connections and lets none through.
    pub fn cut(&self) {
        self.line.is_open.store(false, Ordering::Release);
        self.line.reset();
    }

    /// Holds each piece of data back for this long.
    pub fn delay(&self, by: Duration) {
        self.line.delay.store(u64::try_from(by.as_micros()).expect("a short time"), Ordering::Release);
    }

    /// Ends all connections whenever so many pieces of data have passed; 0 for never.
    pub fn reset_every(&self, pieces: u64) {
        self.line.resets.store(pieces, Ordering::Release);
    }

    /// How many pieces of data have passed.
    pub fn passed(&self) -> u64 {
        self.line.passed.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.line.is_over.store(true, Ordering::Release);
        self.cut();
        // The thread that waits for calls gets one more, and ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl Line {
    fn connect(self: &Arc<Self>, caller: TcpStream) {
        if !self.is_open.load(Ordering::Acquire) {
            return;
        }
        let Ok(called) = TcpStream::connect(self.target) else { return };
        let _ = (caller.set_nodelay(true), called.set_nodelay(true));
        let copy = |stream: &TcpStream| stream.try_clone().expect("a socket can be cloned");
        let mut ends = self.ends.lock().expect("no one panics while holding the ends");
        ends.extend([copy(&caller), copy(&called)]);
        drop(ends);
        for (from, to) in [(copy(&caller), copy(&called)), (called, caller)] {
            let line = self.clone();
            std::thread::spawn(move || line.carry(from, to));
        }
        // It may have been cut meanwhile.
        if !self.is_open.load(Ordering::Acquire) {
            self.reset();
        }
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = vec![0; 16 << 10];
        while let Ok(size) = from.read(&mut piece)
            && size > 0
        {
            std::thread::sleep(Duration::from_micros(self.delay.load(Ordering::Acquire)));
            if to.write_all(&piece[..size]).is_err() {
                break;
            }
            let passed = self.passed.fetch_add(1, Ordering::AcqRel) + 1;
            let resets = self.resets.load(Ordering::Acquire);
            if resets > 0 && passed.is_multiple_of(resets) {
                self.reset();
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    fn reset(&self) {
        for end in self.ends.lock().expect("no one panics while holding the ends").drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
