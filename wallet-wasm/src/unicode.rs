//! The platform's tables of Unicode: `String.prototype.normalize`.

use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = String)]
    type Text;
    #[wasm_bindgen(method, js_class = "String")]
    fn normalize(this: &Text, form: &str) -> String;
}

/// The compatibility decomposition of a text.
pub fn nfkd(text: &str) -> String {
    JsValue::from_str(text).unchecked_ref::<Text>().normalize("NFKD")
}
