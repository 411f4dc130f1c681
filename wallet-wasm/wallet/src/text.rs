//! How values that have a text of their own are written in JSON: ids and hashes as they are shown, transactions, scripts
//! and outputs as hexadecimal of their serialisation.

/// Anything with `Display` and `FromStr`, as that text (`#[serde(with = "crate::text::shown")]`).
pub(crate) mod shown {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::fmt::Display;
    use std::str::FromStr;

    pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Anything with Bitcoin's serialisation, as hexadecimal.
pub(crate) mod consensus_hex {
    use bitcoin::consensus::encode::{Decodable, Encodable, deserialize_hex, serialize_hex};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<T: Encodable, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serialize_hex(value))
    }

    pub fn deserialize<'de, T: Decodable, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        deserialize_hex(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A list of what may be unknown: hexadecimal or null.
pub(crate) mod consensus_hex_options {
    use bitcoin::consensus::encode::{Decodable, Encodable, deserialize_hex, serialize_hex};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<T: Encodable, S: Serializer>(
        value: &[Option<T>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(value.iter().map(|item| item.as_ref().map(serialize_hex)))
    }

    pub fn deserialize<'de, T: Decodable, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Option<T>>, D::Error> {
        let items = Vec::<Option<String>>::deserialize(deserializer)?;
        let read = |item: String| deserialize_hex(&item).map_err(serde::de::Error::custom);
        items.into_iter().map(|item| item.map(read).transpose()).collect()
    }
}

/// A script's bytes as hexadecimal.
pub(crate) mod script_hex {
    use bitcoin::ScriptBuf;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &ScriptBuf, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_hex_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ScriptBuf, D::Error> {
        ScriptBuf::from_hex(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Reads JSON. (All of it as text: a second kind of reader would be in the module for browsers once more.)
pub(crate) fn read_json<'a, T: serde::Deserialize<'a>>(json: &'a [u8]) -> Result<T, serde_json::Error> {
    let text = core::str::from_utf8(json).map_err(serde::de::Error::custom)?;
    serde_json::from_str(text)
}
