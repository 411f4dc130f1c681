//! The service that holds the keys.

use crate::wiped;
use chaincore_wallet::service;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The keys of one wallet, from its unlocking to the end of the instance.
#[wasm_bindgen]
pub struct SignerService {
    service: service::SignerService,
}

#[wasm_bindgen]
impl SignerService {
    /// A signer without keys.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "JavaScript has constructors")]
    pub fn new() -> Self {
        crate::begin();
        Self { service: service::SignerService::new() }
    }

    /// Answers a request: `{"method", "params"}` with `{"result"}` or `{"error": {"code", "message"}}`.
    #[wasm_bindgen(unchecked_return_type = "string")]
    pub fn call(&mut self, request: String) -> JsValue {
        wiped(request, |request| self.service.call(request))
    }
}
