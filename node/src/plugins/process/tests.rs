//! The bridge with real children: a decent one, and one for each way in which a child can be hostile.

mod bench;
mod decent;
mod documented;
mod examples;
mod hostile;
mod interface;
