//! Waking the message thread.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// A flag that one thread sleeps on and everybody else may raise.
#[derive(Debug, Default)]
pub struct Wake {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Wake {
    /// Ends the current sleep, or the next one if there is none.
    pub fn wake(&self) {
        *self.raised.lock().expect("no one panics while holding the flag") = true;
        self.changed.notify_one();
    }

    /// Sleeps until woken, `limit` at most.
    pub fn sleep(&self, limit: Duration) {
        let raised = self.raised.lock().expect("no one panics while holding the flag");
        let (mut raised, _) = self
            .changed
            .wait_timeout_while(raised, limit, |raised| !*raised)
            .expect("no one panics while holding the flag");
        *raised = false;
    }
}
