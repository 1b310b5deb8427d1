//! The numbers of the proxy-wasm ABI: status codes, buffers, maps, log levels and actions.
//! What the numbers do is left to the capabilities; the bounds are in `limits`.

use std::fmt;

/// What a host function answers to the guest (proxy-wasm spec 0.2.1, `proxy_status_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// The named thing does not exist, or not at this moment.
    NotFound = 1,
    /// An argument is outside what the function takes.
    BadArgument = 2,
    /// A value could not be turned into bytes.
    SerializationFailure = 3,
    /// Bytes from the guest could not be understood.
    ParseFailure = 4,
    /// A pointer of the guest leaves its memory, or the guest could not allocate.
    InvalidMemoryAccess = 6,
    /// There is nothing to take.
    Empty = 7,
    /// The value was changed by someone else in the meantime.
    CasMismatch = 8,
    /// The host could not do it.
    InternalFailure = 10,
    /// The host does not know how.
    Unimplemented = 12,
}

impl Status {
    /// The number that the guest sees.
    #[must_use]
    pub fn code(self) -> u32 {
        self as u32
    }
}

/// How important a line of the guest's log is (`proxy_log_level_t`).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl LogLevel {
    const ALL: [Self; 6] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical];

    /// The level with this number, if there is one.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }

    /// The number of this level.
    #[must_use]
    pub fn code(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        })
    }
}

/// A version of the proxy-wasm ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the documentation")]
#[non_exhaustive]
pub enum AbiVersion {
    V0_1_0,
    V0_2_0,
    V0_2_1,
}

impl AbiVersion {
    /// All of them, the newest first, as a host looks for them.
    pub(crate) const ALL: [Self; 3] = [Self::V0_2_1, Self::V0_2_0, Self::V0_1_0];

    /// The name that a plugin exports to say that it speaks this version.
    #[must_use]
    pub fn export(self) -> &'static str {
        match self {
            Self::V0_1_0 => "proxy_abi_version_0_1_0",
            Self::V0_2_0 => "proxy_abi_version_0_2_0",
            Self::V0_2_1 => "proxy_abi_version_0_2_1",
        }
    }
}

/// A buffer that the guest can name (`proxy_buffer_type_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BufferKind {
    RequestBody,
    ResponseBody,
    Downstream,
    Upstream,
    CallResponseBody,
    GrpcMessage,
    VmConfiguration,
    PluginConfiguration,
    CallData,
}

impl BufferKind {
    const ALL: [Self; 9] = [
        Self::RequestBody,
        Self::ResponseBody,
        Self::Downstream,
        Self::Upstream,
        Self::CallResponseBody,
        Self::GrpcMessage,
        Self::VmConfiguration,
        Self::PluginConfiguration,
        Self::CallData,
    ];

    pub(crate) fn from_code(code: u32) -> Result<Self, Status> {
        numbered(&Self::ALL, code)
    }
}

/// A header map that the guest can name (`proxy_map_type_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapKind {
    RequestHeaders,
    RequestTrailers,
    ResponseHeaders,
    ResponseTrailers,
    GrpcInitialMetadata,
    GrpcTrailingMetadata,
    CallResponseHeaders,
    CallResponseTrailers,
}

impl MapKind {
    const ALL: [Self; 8] = [
        Self::RequestHeaders,
        Self::RequestTrailers,
        Self::ResponseHeaders,
        Self::ResponseTrailers,
        Self::GrpcInitialMetadata,
        Self::GrpcTrailingMetadata,
        Self::CallResponseHeaders,
        Self::CallResponseTrailers,
    ];

    pub(crate) fn from_code(code: u32) -> Result<Self, Status> {
        numbered(&Self::ALL, code)
    }
}

/// A half of a stream that the guest can resume or close (`proxy_stream_type_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamType {
    Request,
    Response,
    Downstream,
    Upstream,
}

impl StreamType {
    const ALL: [Self; 4] = [Self::Request, Self::Response, Self::Downstream, Self::Upstream];

    pub(crate) fn from_code(code: u32) -> Result<Self, Status> {
        numbered(&Self::ALL, code)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
        }
    }
}

fn numbered<T: Copy>(all: &[T], code: u32) -> Result<T, Status> {
    let index = usize::try_from(code).map_err(|_| Status::BadArgument)?;
    all.get(index).copied().ok_or(Status::BadArgument)
}

/// Who closed a connection (`proxy_peer_type_t`).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Peer {
    /// The proxy itself.
    Local,
    /// The other end.
    #[default]
    Remote,
}

impl Peer {
    /// The number of this peer.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Local => 1,
            Self::Remote => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_keep_their_numbers() {
        for (code, level) in LogLevel::ALL.into_iter().enumerate() {
            assert_eq!(LogLevel::from_code(code as u32), Some(level));
            assert_eq!(level.code(), code as u32);
        }
        assert_eq!(LogLevel::from_code(6), None);
    }
}
