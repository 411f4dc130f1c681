//! The service that holds the keys.

use wasm_bindgen::prelude::wasm_bindgen;

/// The keys of one wallet, from its unlocking to the end of the instance.
#[wasm_bindgen]
pub struct SignerService {
    requests: u64,
}

#[wasm_bindgen]
impl SignerService {
    /// A signer without keys.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "JavaScript has constructors")]
    pub fn new() -> Self {
        crate::name_panics();
        Self { requests: 0 }
    }

    /// Answers a request: `{"method", "params"}` with `{"result"}` or `{"error": {"code", "message"}}`.
    pub fn call(&mut self, request: &str) -> String {
        self.requests += 1;
        format!(r#"{{"error":{{"code":"unknown_method","message":"{} bytes"}}}}"#, request.len())
    }
}
