//! The wallet for browsers and Node.js: what crosses the border between JavaScript and the crate `chaincore-wallet`.
//!
//! Two classes, one for each worker of a page, that take requests and give answers as JSON: `SignerService` holds the
//! keys, `LightService` follows the chain and never sees one. Nothing else crosses: the module imports nothing but what
//! the bindings themselves need.
//!
//! A panic stops the module for good. It reaches JavaScript as an exception that names the place in the source and
//! nothing of the data; whoever catches it must drop the instance (a page ends its worker).

mod light;
mod signer;

pub use light::LightService;
pub use signer::SignerService;

/// Has panics say where they happened, and nothing else.
fn name_panics() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
        wasm_bindgen::throw_str(&format!("the wallet stopped at {place}"));
    }));
}
