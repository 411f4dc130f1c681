//! The bridge with real children: a decent one, and one for each way in which a child can be hostile.

mod bench;
mod decent;
mod documented;
mod hostile;
mod interface;
