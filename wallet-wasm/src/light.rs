//! The service that follows the chain.

use crate::wiped;
use chaincore_wallet::service;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The public side of one wallet.
#[wasm_bindgen]
pub struct LightService {
    service: service::LightService,
}

#[wasm_bindgen]
impl LightService {
    /// A service without a wallet.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "JavaScript has constructors")]
    pub fn new() -> Self {
        crate::begin();
        Self { service: service::LightService::new() }
    }

    /// Answers a request: `{"method", "params"}` with `{"result"}` or `{"error": {"code", "message"}}`.
    #[wasm_bindgen(unchecked_return_type = "string")]
    pub fn call(&mut self, request: String) -> JsValue {
        wiped(request, |request| self.service.call(request))
    }

    /// Hands in what a node answered to the fetch `id`; with status 0 it gave none, and `body` says why.
    pub fn give(&mut self, id: f64, status: u16, body: Vec<u8>) {
        // Ids count requests from 0: a number that holds none exactly is none of them.
        if id >= 0.0 && id.fract() == 0.0 && id < 9_007_199_254_740_992.0 {
            self.service.give(id as u64, status, body);
        }
    }
}
