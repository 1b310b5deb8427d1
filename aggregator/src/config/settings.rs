//! `Settings`: what a flag, the environment or the configuration file may say, each named once.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::Args;
use log::LevelFilter;
use serde::Deserialize;

/// Every field is a flag, a variable and a key of the file, and may be absent in each.
macro_rules! settings {
    ($($(#[$meta:meta])* $name:ident: $type:ty,)*) => {
        /// What a flag, the environment or the configuration file may say.
        #[derive(Args, Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Settings {
            $($(#[$meta])* pub(super) $name: Option<$type>,)*
        }

        impl Settings {
            /// What is not said here is as in `other`.
            pub(super) fn or(self, other: Self) -> Self {
                Self { $($name: self.$name.or(other.$name),)* }
            }
        }
    };
}

settings! {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "FAS_LISTEN", value_name = "ADDR")]
    listen: String,

    /// Directory for the data [default: fas in the user's data home, ~/.local/share]
    #[arg(long, env = "FAS_DATA", value_name = "DIR")]
    data: PathBuf,

    /// Redis Cluster for the data, in place of a directory:
    /// redis://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...][/NAME], or rediss:// for TLS
    #[arg(long, env = "FAS_STORE", value_name = "URL", hide_env_values = true)]
    store: String,

    /// File with the password of the cluster's user
    #[arg(long, env = "FAS_STORE_PASSWORD_FILE", value_name = "FILE")]
    store_password_file: PathBuf,

    /// Certificate authorities of the cluster's nodes, PEM [default: Mozilla's]
    #[arg(long, env = "FAS_STORE_CA", value_name = "FILE")]
    store_ca: PathBuf,

    /// Replicas that must have a write before it is acknowledged [default: all that are connected,
    /// and at least 1 if the cluster has any]
    #[arg(long, env = "FAS_REPLICA_ACKS", value_name = "N")]
    replica_acks: u8,

    /// Read from the cluster's replicas
    #[arg(long, env = "FAS_READ_REPLICAS", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    read_replicas: bool,

    /// How much to log: off, error, warn, info, debug or trace [default: info]
    #[arg(long, env = "FAS_LOG", value_name = "LEVEL")]
    log: LevelFilter,

    /// Size of the log at which a checkpoint is written, in bytes [default: 67108864]
    #[arg(long, env = "FAS_CHECKPOINT_BYTES", value_name = "BYTES")]
    checkpoint_bytes: NonZeroU64,

    /// Keep only so many hours, counted back from the newest; hours are then taken as hours since
    /// 1970 [default: all are kept]
    #[arg(long, env = "FAS_RETAIN_HOURS", value_name = "N")]
    retain_hours: NonZeroU32,

    /// Hours that stay in memory, the last written ones; others are read from disk [default: 48]
    #[arg(long, env = "FAS_HOT_HOURS", value_name = "N")]
    hot_hours: u32,

    /// Memory for flows, in bytes, beyond which hours leave it early [default: 2147483648]
    #[arg(long, env = "FAS_MEMORY_BUDGET", value_name = "BYTES")]
    memory_budget: u64,

    /// For how many hours it is remembered what was delivered, so that a resend changes nothing
    /// [default: 168]
    #[arg(long, env = "FAS_DEDUPE_HOURS", value_name = "N")]
    dedupe_hours: NonZeroU32,

    /// File of the tokens that clients must show; `fas token create` makes them [default: none]
    #[arg(long, env = "FAS_TOKENS", value_name = "FILE")]
    tokens: PathBuf,

    /// Certificate chain for TLS, PEM [default: plain HTTP]
    #[arg(long, env = "FAS_TLS_CERT", value_name = "FILE")]
    tls_cert: PathBuf,

    /// Private key for TLS, PEM
    #[arg(long, env = "FAS_TLS_KEY", value_name = "FILE")]
    tls_key: PathBuf,

    /// Certificate authority, PEM, by which clients' certificates must be signed [default: clients
    /// need none]
    #[arg(long, env = "FAS_TLS_CLIENT_CA", value_name = "FILE")]
    tls_client_ca: PathBuf,

    /// Let everybody in who reaches the address, also from other machines
    #[arg(long, env = "FAS_INSECURE", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    insecure: bool,

    /// Connections at the same time; more are answered 503 [default: 10000]
    #[arg(long, env = "FAS_MAX_CONNECTIONS", value_name = "N")]
    max_connections: NonZeroUsize,

    /// The longest that a slow client is waited for, in milliseconds: for tests
    #[arg(long, env = "FAS_PATIENCE_MS", value_name = "MS", hide = true)]
    patience_ms: NonZeroU64,
}
