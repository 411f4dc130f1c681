//! The one HTTP port.

pub mod auth;
pub mod limits;
pub mod rest;
