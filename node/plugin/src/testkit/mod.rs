//! For the tests of plugins: a chain that does what a test says, doubles of the rest of the node, and
//! [`check_plugin`], which runs a plugin through extensions, reorganizations, restarts, crashes and kills at every step.
//!
//! Switched on by the feature `testkit`.

mod blocks;
mod chain;
mod check;
mod doubles;
#[cfg(test)]
pub(crate) mod ledger;
mod script;
#[cfg(test)]
mod tests;

pub use chain::ScriptedChain;
pub use check::{Effort, Failure, Subject, check_plugin, check_plugin_with};
pub use doubles::{NodeDouble, Notes};
pub use script::{Action, script};

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// Runs a future, but drops it where it waits for the `kill_at`-th time (counted from 1). None if it was dropped. What a
/// kill in the middle of a call is to a plugin.
pub async fn killed_at<T>(future: impl Future<Output = T>, kill_at: usize) -> Option<T> {
    struct Mortal<'a, F> {
        future: Pin<&'a mut F>,
        left: usize,
    }

    impl<F: Future> Future for Mortal<'_, F> {
        type Output = Option<F::Output>;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            match self.future.as_mut().poll(context) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending => {
                    self.left = self.left.saturating_sub(1);
                    if self.left == 0 { Poll::Ready(None) } else { Poll::Pending }
                }
            }
        }
    }

    Mortal { future: pin!(future), left: kill_at }.await
}
