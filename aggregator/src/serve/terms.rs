//! `Terms`: on which terms clients are served.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use super::tls::TlsFiles;
use crate::limits;

/// Who is let in, how many at a time, and how long they are waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The file of the tokens that clients must show; without, nobody needs one.
    pub tokens: Option<PathBuf>,
    /// The files for TLS; without, HTTP is plain.
    pub tls: Option<TlsFiles>,
    /// Connections at the same time, if the system has as many.
    pub max_connections: usize,
    /// How long clients are waited for.
    pub timeouts: Timeouts,
}

/// How long clients are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// See [`limits::HANDSHAKE_TIMEOUT`].
    pub handshake: Duration,
    /// See [`limits::IDLE_TIMEOUT`].
    pub idle: Duration,
    /// See [`limits::CROWDED_IDLE_TIMEOUT`].
    pub crowded_idle: Duration,
    /// See [`limits::CONNECTION_CHECK`].
    pub check: Duration,
    /// See [`limits::WRITE_STALL`].
    pub stall: Duration,
    /// See [`limits::BODY_TIMEOUT`].
    pub body: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: limits::HANDSHAKE_TIMEOUT,
            idle: limits::IDLE_TIMEOUT,
            crowded_idle: limits::CROWDED_IDLE_TIMEOUT,
            check: limits::CONNECTION_CHECK,
            stall: limits::WRITE_STALL,
            body: limits::BODY_TIMEOUT,
        }
    }
}

impl Timeouts {
    /// The same, but none longer than this.
    #[must_use]
    pub fn at_most_ms(self, most_ms: NonZeroU64) -> Self {
        let most = Duration::from_millis(most_ms.get());
        Self {
            handshake: self.handshake.min(most),
            idle: self.idle.min(most),
            crowded_idle: self.crowded_idle.min(most),
            check: self.check.min(most),
            stall: self.stall.min(most),
            body: self.body.min(most),
        }
    }
}
