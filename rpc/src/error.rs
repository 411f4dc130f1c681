//! The error that every RPC method answers with, and Core's error codes (`rpc/protocol.h`).

/// Core's codes. The front maps [`INVALID_REQUEST`](code::INVALID_REQUEST) to HTTP 400 and
/// [`METHOD_NOT_FOUND`](code::METHOD_NOT_FOUND) to HTTP 404 in the legacy dialect, every other code to HTTP 500;
/// a method should not answer with those two itself.
pub mod code {
    /// The request is not a JSON-RPC request.
    pub const INVALID_REQUEST: i32 = -32600;
    /// No such method.
    pub const METHOD_NOT_FOUND: i32 = -32601;
    /// The parameters cannot be read.
    pub const INVALID_PARAMS: i32 = -32602;
    /// The node itself is broken (a corrupt data folder).
    pub const INTERNAL_ERROR: i32 = -32603;
    /// The body is not JSON.
    pub const PARSE_ERROR: i32 = -32700;
    /// Anything else that went wrong in a method; also a wrong number of arguments, with the help text.
    pub const MISC: i32 = -1;
    /// A parameter of the wrong type.
    pub const TYPE_ERROR: i32 = -3;
    /// Unspecified wallet problem.
    pub const WALLET_ERROR: i32 = -4;
    /// An invalid address or key, or something looked up by hash that does not exist.
    pub const INVALID_ADDRESS_OR_KEY: i32 = -5;
    /// Ran out of memory.
    pub const OUT_OF_MEMORY: i32 = -7;
    /// An invalid, missing or duplicate parameter.
    pub const INVALID_PARAMETER: i32 = -8;
    /// Not connected to any peer, or shutting down.
    pub const CLIENT_NOT_CONNECTED: i32 = -9;
    /// Still downloading the chain.
    pub const CLIENT_IN_INITIAL_DOWNLOAD: i32 = -10;
    /// No such wallet.
    pub const WALLET_NOT_FOUND: i32 = -18;
    /// Database error.
    pub const DATABASE_ERROR: i32 = -20;
    /// Raw bytes that cannot be decoded.
    pub const DESERIALIZATION_ERROR: i32 = -22;
    /// The peer was added before.
    pub const CLIENT_NODE_ALREADY_ADDED: i32 = -23;
    /// The peer was not added before.
    pub const CLIENT_NODE_NOT_ADDED: i32 = -24;
    /// A submitted transaction or block could not be checked.
    pub const VERIFY_ERROR: i32 = -25;
    /// A submitted transaction or block breaks the network's rules.
    pub const VERIFY_REJECTED: i32 = -26;
    /// The transaction's outputs are in the coins already.
    pub const VERIFY_ALREADY_IN_UTXO_SET: i32 = -27;
    /// The node is still starting; the message says where it is.
    pub const IN_WARMUP: i32 = -28;
    /// The peer to disconnect is not connected.
    pub const CLIENT_NODE_NOT_CONNECTED: i32 = -29;
    /// Not an IP address or subnet.
    pub const CLIENT_INVALID_IP_OR_SUBNET: i32 = -30;
    /// P2P is switched off.
    pub const CLIENT_P2P_DISABLED: i32 = -31;
    /// The method is deprecated and switched off.
    pub const METHOD_DEPRECATED: i32 = -32;
    /// There is no mempool.
    pub const CLIENT_MEMPOOL_DISABLED: i32 = -33;
    /// No slot for another outbound peer.
    pub const CLIENT_NODE_CAPACITY_REACHED: i32 = -34;
    /// A bounded resource is full.
    pub const LIMIT_EXCEEDED: i32 = -37;
}

/// What a failed call answers: `{"code":…,"message":…}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (code {code})")]
pub struct RpcError {
    /// One of [`code`].
    pub code: i32,
    /// Core's text where a client could read it.
    pub message: String,
}

impl RpcError {
    /// An error of any code.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// [`code::MISC`], Core's answer to an exception inside a method.
    pub fn misc(message: impl Into<String>) -> Self {
        Self::new(code::MISC, message)
    }

    /// [`code::TYPE_ERROR`].
    pub fn wrong_type(message: impl Into<String>) -> Self {
        Self::new(code::TYPE_ERROR, message)
    }

    /// [`code::INVALID_PARAMETER`].
    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(code::INVALID_PARAMETER, message)
    }

    /// [`code::INVALID_ADDRESS_OR_KEY`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(code::INVALID_ADDRESS_OR_KEY, message)
    }

    /// [`code::DESERIALIZATION_ERROR`].
    pub fn undecodable(message: impl Into<String>) -> Self {
        Self::new(code::DESERIALIZATION_ERROR, message)
    }

    /// [`code::INVALID_REQUEST`].
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(code::INVALID_REQUEST, message)
    }

    /// The answer to a call that the node's shutdown interrupts.
    pub fn shutting_down() -> Self {
        Self::new(code::CLIENT_NOT_CONNECTED, "Shutting down")
    }

    /// `{"code":…,"message":…}` as compact JSON.
    pub fn write_json(&self, out: &mut String) {
        out.push_str("{\"code\":");
        out.push_str(&self.code.to_string());
        out.push_str(",\"message\":");
        crate::json::write_string(&self.message, out);
        out.push('}');
    }
}
