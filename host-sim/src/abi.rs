//! The numbers of the proxy-wasm ABI: status codes, buffers, maps, log levels and actions.
//! What the numbers do is left to the capabilities; the bounds are in `limits`.

use std::fmt;

/// What a host function answers to the guest (proxy-wasm spec 0.2.1, `proxy_status_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
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

/// A buffer that the guest can name (`proxy_buffer_type_t`); gRPC is not served yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BufferKind {
    RequestBody,
    ResponseBody,
    Downstream,
    Upstream,
    CallResponseBody,
    VmConfiguration,
    PluginConfiguration,
}

impl BufferKind {
    /// The buffer with this number: known, known but not served (`NOT_FOUND`), or unknown.
    pub(crate) fn from_code(code: u32) -> Result<Self, Status> {
        Ok(match code {
            0 => Self::RequestBody,
            1 => Self::ResponseBody,
            2 => Self::Downstream,
            3 => Self::Upstream,
            4 => Self::CallResponseBody,
            6 => Self::VmConfiguration,
            7 => Self::PluginConfiguration,
            5 | 8 => return Err(Status::NotFound),
            _ => return Err(Status::BadArgument),
        })
    }
}

/// A header map that the guest can name (`proxy_map_type_t`); gRPC is not served yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapKind {
    RequestHeaders,
    RequestTrailers,
    ResponseHeaders,
    ResponseTrailers,
    CallResponseHeaders,
    CallResponseTrailers,
}

impl MapKind {
    /// The map with this number: known, known but not served (`NOT_FOUND`), or unknown.
    pub(crate) fn from_code(code: u32) -> Result<Self, Status> {
        Ok(match code {
            0 => Self::RequestHeaders,
            1 => Self::RequestTrailers,
            2 => Self::ResponseHeaders,
            3 => Self::ResponseTrailers,
            6 => Self::CallResponseHeaders,
            7 => Self::CallResponseTrailers,
            4 | 5 => return Err(Status::NotFound),
            _ => return Err(Status::BadArgument),
        })
    }
}

/// Whether a stream goes on after a callback (`proxy_action_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The data moves on.
    Continue,
    /// The data is held back until the guest resumes the stream.
    Pause,
}

/// Who closed a connection (`proxy_peer_type_t`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
