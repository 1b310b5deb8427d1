//! Who may do what: tokens, their scopes, and the VPCs that they are for. Knows files and names,
//! not HTTP: which token a request shows, and what a refusal looks like, is told in `http`.

mod access;
mod edit;
mod entry;
mod secret;
mod tokens;

pub(crate) use self::access::{Access, Denied};
pub use self::edit::{EditError, append, remove};
pub use self::entry::{Entry, EntryError, Scope};
pub use self::secret::{Digest, Secret};
pub use self::tokens::{Tokens, TokensError};
