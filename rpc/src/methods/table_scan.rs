//! The methods that look through many blocks or all coins.

use super::{Row, filters};
use crate::registry::{Arg, Doc, Method};

/// The methods with their handlers.
pub fn rows() -> Vec<Row> {
    vec![(
        Method::new("blockchain", "getblockfilter", "Shows the compact filter of a block (BIP157).")
            .arg(Arg::hex("blockhash", "The block"))
            .arg(Arg::str("filtertype", "The type of the filter").default("\"basic\""))
            .result(Doc::obj(
                "",
                "",
                vec![
                    Doc::hex("filter", "The filter's bytes"),
                    Doc::hex("header", "The header that commits to it and to those below"),
                ],
            ))
            .example_cli("\"00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09\" \"basic\""),
        filters::getblockfilter,
    )]
}
