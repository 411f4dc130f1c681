//! Proof-of-work search, at the limit of the processor.
//!
//! | layer | what it does |
//! |---|---|
//! | [`Kernel`] | tries nonces side by side; the fastest that runs here is chosen at run time |
//! | [`Prepared`] | a header in several versions, with everything computed that its nonces share |
//! | [`Job`] | all headers that may be tried for one template: nonces, versions (BIP320), extranonces, times |
//! | [`Workers`] | threads, each on a core of its own, that take small units of a job from one counter |
//! | [`Engine`] | workers that always search the newest job and send what they find |
//! | `Gpu` | the same search on a graphics card (feature `gpu`) |
//!
//! Every kernel finds the same nonces; tests compare each with plain SHA-256. The crate knows nothing of
//! templates, nodes or networks: whoever calls brings a header and a target.

mod count;
mod engine;
#[cfg(feature = "gpu")]
mod gpu;
mod job;
mod kernel;
mod meter;
mod prepared;
mod sha256;
mod workers;

pub use count::Operations;
pub use engine::{CardFigures, Engine, Event};
#[cfg(feature = "gpu")]
pub use gpu::{Gpu, GpuError};
pub use job::{BIP320_MASK, Job, Solution};
pub use kernel::Kernel;
pub use meter::CoreFigures;
pub use prepared::{Hit, Prepared};
pub use sha256::{K as ROUND_CONSTANTS, START as START_STATE};
pub use workers::{Ended, Options, Search, Workers, WorkersError};
