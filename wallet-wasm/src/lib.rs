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
#[cfg(target_family = "wasm")]
mod unicode;

pub use light::LightService;
pub use signer::SignerService;

use wasm_bindgen::JsValue;
use zeroize::Zeroizing;

/// Answers a request and wipes what it was and what came of it: words and passwords are in them. (What JavaScript has of
/// them cannot be wiped, and the surest way is to end the worker; but less is better.)
fn wiped(request: String, answer: impl FnOnce(&str) -> String) -> JsValue {
    let request = Zeroizing::new(request);
    let reply = Zeroizing::new(answer(&request));
    JsValue::from_str(&reply)
}

/// Checks one file of published vectors; how many held, or an exception that says which did not.
#[cfg(feature = "vectors")]
#[wasm_bindgen::prelude::wasm_bindgen(js_name = checkVectors)]
pub fn check_vectors(name: &str, json: &str) -> Result<usize, wasm_bindgen::JsError> {
    begin();
    chaincore_wallet::vectors::check(name, json).map_err(|problem| wasm_bindgen::JsError::new(&problem))
}

/// What every instance begins with: panics say where they happened, and nothing else; and Unicode's tables are those of
/// the platform.
fn begin() {
    #[cfg(target_family = "wasm")]
    chaincore_wallet::keys::set_normalizer(unicode::nfkd);
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
        wasm_bindgen::throw_str(&format!("the wallet stopped at {place}"));
    }));
}
