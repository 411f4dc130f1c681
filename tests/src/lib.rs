//! Black-box tests of the real binaries: what starts them, talks to them and stops them.
//!
//! Nothing here links the node. A [`TestNode`] is a `chaincored` process with a folder of its own; it listens
//! on ports that the system chose and is killed when it is dropped.

pub mod core;
pub mod keys;
pub mod maker;
pub mod memory;
pub mod mining;
pub mod node;
pub mod pair;
pub mod peer;
pub mod proxy;
pub mod terminal;

pub use self::core::Core;
pub use memory::resident;
pub use node::{RpcFailure, TestNode, binary};
pub use pair::Pair;
pub use peer::Peer;
pub use proxy::Proxy;
pub use terminal::Terminal;
