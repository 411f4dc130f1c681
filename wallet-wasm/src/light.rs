//! The service that follows the chain.

use crate::wiped;
use chaincore_wallet::service::{self, stateless};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The public side of one wallet.
#[wasm_bindgen]
pub struct LightService {
    answers: u64,
}

#[wasm_bindgen]
impl LightService {
    /// A wallet that knows no chain yet.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "JavaScript has constructors")]
    pub fn new() -> Self {
        crate::name_panics();
        Self { answers: 0 }
    }

    /// Answers a request: `{"method", "params"}` with `{"result"}` or `{"error": {"code", "message"}}`.
    #[wasm_bindgen(unchecked_return_type = "string")]
    pub fn call(&mut self, request: String) -> JsValue {
        wiped(request, |request| {
            service::answer(request, |method, params| {
                stateless::call(method, &params)
                    .unwrap_or_else(|| Err(service::Fault::unknown_method(method)))
            })
        })
    }

    /// Hands in what a node answered to the fetch `id`; with status 0 it gave none, and `body` says why.
    pub fn give(&mut self, id: f64, status: u16, body: Vec<u8>) {
        self.answers += u64::from(id >= 0.0) + u64::from(status) + body.len() as u64;
    }
}
