//! The arguments of one call, in positional order, with Core's error texts for what is wrong with them.

use super::spec::Method;
use crate::error::{RpcError, code};
use crate::json::Json;
use chaincore_consensus::Amount;
use std::str::FromStr;
use std::sync::Arc;

static NULL: Json = Json::Null;

/// The arguments of one call. Their number and JSON types have been checked against the method's table; an argument
/// that was left out or given as `null` reads as absent.
#[derive(Debug, Clone)]
pub struct Args {
    spec: Arc<Method>,
    values: Vec<Json>,
}

impl Args {
    /// Checks `params` (an array, an object of named parameters, or `null`) against `spec`: unknown and repeated
    /// names are -8, a wrong number of arguments is -1 with the help text, wrong types are -3.
    pub fn new(spec: Arc<Method>, params: Json) -> Result<Self, RpcError> {
        let values = match params {
            Json::Null => Vec::new(),
            Json::Array(values) => values,
            Json::Object(members) => super::named::to_positional(&spec, members)?,
            _ => return Err(RpcError::invalid_request("Params must be an array or object")),
        };
        if !spec.accepts(values.len()) {
            return Err(RpcError::new(code::MISC, spec.help()));
        }
        let args = Self { spec, values };
        args.check_types()?;
        Ok(args)
    }

    /// The answer to arguments that make no sense together: the help text, as for a wrong number of them.
    pub fn usage_error(&self) -> RpcError {
        RpcError::new(code::MISC, self.spec.help())
    }

    fn check_types(&self) -> Result<(), RpcError> {
        let mut mismatches = Vec::new();
        for (index, arg) in self.spec.args.iter().enumerate() {
            let value = self.get(index);
            if arg.any_type || (arg.is_optional() && value.is_null()) {
                continue;
            }
            let Some(expected) = arg.kind.expected() else { continue };
            if value.type_name() != expected {
                let text =
                    format!("JSON value of type {} is not of expected type {expected}", value.type_name());
                mismatches.push((format!("Position {} ({})", index + 1, arg.names), Json::String(text)));
            }
        }
        if mismatches.is_empty() {
            return Ok(());
        }
        Err(RpcError::wrong_type(format!("Wrong type passed:\n{}", Json::Object(mismatches).pretty(4))))
    }

    /// How many were given, trailing `null`s included.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All that were given.
    pub fn values(&self) -> &[Json] {
        &self.values
    }

    /// Argument `index` (from 0); `null` if it was not given.
    pub fn get(&self, index: usize) -> &Json {
        self.values.get(index).unwrap_or(&NULL)
    }

    /// Argument `index` unless it is absent.
    pub fn some(&self, index: usize) -> Option<&Json> {
        Some(self.get(index)).filter(|value| !value.is_null())
    }

    /// Whether argument `index` is absent.
    pub fn is_null(&self, index: usize) -> bool {
        self.get(index).is_null()
    }

    /// A string.
    pub fn str(&self, index: usize) -> Result<&str, RpcError> {
        self.get(index).get_str()
    }

    /// A string, if given.
    pub fn opt_str(&self, index: usize) -> Result<Option<&str>, RpcError> {
        self.some(index).map(Json::get_str).transpose()
    }

    /// A truth value.
    pub fn bool(&self, index: usize) -> Result<bool, RpcError> {
        self.get(index).get_bool()
    }

    /// A truth value, if given.
    pub fn opt_bool(&self, index: usize) -> Result<Option<bool>, RpcError> {
        self.some(index).map(Json::get_bool).transpose()
    }

    /// A whole number that fits `T`; -1 "JSON integer out of range" otherwise.
    pub fn int<T: FromStr>(&self, index: usize) -> Result<T, RpcError> {
        self.get(index).get_int()
    }

    /// A whole number, if given.
    pub fn opt_int<T: FromStr>(&self, index: usize) -> Result<Option<T>, RpcError> {
        self.some(index).map(Json::get_int).transpose()
    }

    /// A number as a double.
    pub fn real(&self, index: usize) -> Result<f64, RpcError> {
        self.get(index).get_real()
    }

    /// A number as a double, if given.
    pub fn opt_real(&self, index: usize) -> Result<Option<f64>, RpcError> {
        self.some(index).map(Json::get_real).transpose()
    }

    /// An amount of coins, number or string.
    pub fn amount(&self, index: usize) -> Result<Amount, RpcError> {
        self.get(index).amount()
    }

    /// An amount of coins, if given.
    pub fn opt_amount(&self, index: usize) -> Result<Option<Amount>, RpcError> {
        self.some(index).map(Json::amount).transpose()
    }

    /// A 32-byte hash; `name` is what Core's message calls it.
    pub fn hash<H: FromStr>(&self, index: usize, name: &str) -> Result<H, RpcError> {
        self.get(index).hash(name)
    }

    /// A 32-byte hash, if given.
    pub fn opt_hash<H: FromStr>(&self, index: usize, name: &str) -> Result<Option<H>, RpcError> {
        self.some(index).map(|value| value.hash(name)).transpose()
    }

    /// Bytes in hexadecimal; `name` is what Core's message calls them.
    pub fn hex(&self, index: usize, name: &str) -> Result<Vec<u8>, RpcError> {
        self.get(index).hex(name)
    }

    /// An array's elements.
    pub fn array(&self, index: usize) -> Result<&[Json], RpcError> {
        self.get(index).get_array()
    }

    /// An array's elements, if given.
    pub fn opt_array(&self, index: usize) -> Result<Option<&[Json]>, RpcError> {
        self.some(index).map(Json::get_array).transpose()
    }

    /// An object; read its members with [`Json::field`].
    pub fn object(&self, index: usize) -> Result<&Json, RpcError> {
        let value = self.get(index);
        value.get_object().map(|_| value)
    }

    /// An object, if given.
    pub fn opt_object(&self, index: usize) -> Result<Option<&Json>, RpcError> {
        self.some(index).map(|value| value.get_object().map(|_| value)).transpose()
    }

    /// A verbosity: absent is `default`, a truth value is 0 or 1.
    pub fn verbosity(&self, index: usize, default: i32) -> Result<i32, RpcError> {
        self.get(index).verbosity(default, true)
    }
}

/// One call, as a method's handler gets it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The arguments.
    pub args: Args,
    /// Who calls, if not the node itself.
    pub caller: super::Caller,
}

impl Call {
    /// The method's name.
    pub fn method(&self) -> &'static str {
        self.args.spec.name
    }
}
