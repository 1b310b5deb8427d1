//! `Entry`: one token in the token file: its name, its digest, and what it is good for.

use std::fmt;
use std::str::FromStr;

use flow_model::Name;
use toml::{Table, Value};

use super::secret::{Digest, PREFIX};
use crate::limits::MAX_TOKEN_NAME_BYTES;

/// What a token lets its owner do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Send flows and batches.
    Write,
    /// Read what has been stored.
    Read,
    /// Everything.
    Admin,
}

impl Scope {
    /// As in the token file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Write, Self::Read, Self::Admin]
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| "a scope is write, read or admin".to_owned())
    }
}

/// A token as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What people call it; also what the log and idempotency keys know it by.
    pub name: String,
    /// The hash of its text.
    pub digest: Digest,
    /// What it is good for; never empty.
    pub scopes: Vec<Scope>,
    /// The VPCs that it is limited to; never an empty list.
    pub vpc_ids: Option<Vec<String>>,
}

/// What is wrong with an entry. The value at fault is not told: it may be a secret in the wrong
/// place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct EntryError {
    /// The field at fault.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl EntryError {
    fn new(field: &str, reason: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason: reason.into() }
    }
}

impl Entry {
    /// Checks what was read from a file.
    pub(super) fn from_table(mut table: Table) -> Result<Self, EntryError> {
        let name = text(&mut table, "name")?;
        check_name(&name).map_err(|reason| EntryError::new("name", reason))?;
        let digest = Digest::from_hex(&text(&mut table, "sha256")?)
            .ok_or_else(|| EntryError::new("sha256", "must be 64 hexadecimal digits"))?;
        let scopes = list(&mut table, "scopes")?
            .ok_or_else(|| EntryError::new("scopes", "is missing"))?
            .iter()
            .map(|scope| scope.parse().map_err(|reason: String| EntryError::new("scopes", reason)))
            .collect::<Result<_, _>>()?;
        let vpc_ids = list(&mut table, "vpc_ids")?;
        for vpc_id in vpc_ids.iter().flatten() {
            Name::new(vpc_id).map_err(|error| EntryError::new("vpc_ids", error.to_string()))?;
        }
        match table.keys().next() {
            Some(unknown) => Err(EntryError::new(unknown, "is not a field of a token")),
            None => Ok(Self { name, digest, scopes, vpc_ids }),
        }
    }

    /// The entry as it is written to a file.
    pub(super) fn to_toml(&self) -> String {
        let strings = |values: Vec<&str>| {
            Value::Array(values.into_iter().map(|value| Value::String(value.to_owned())).collect())
        };
        let scopes = strings(self.scopes.iter().map(|scope| scope.as_str()).collect());
        let mut text = format!(
            "[[token]]\nname = {}\nsha256 = \"{}\"\nscopes = {scopes}\n",
            Value::String(self.name.clone()),
            self.digest.to_hex(),
        );
        if let Some(vpc_ids) = &self.vpc_ids {
            let vpc_ids = strings(vpc_ids.iter().map(String::as_str).collect());
            text.push_str(&format!("vpc_ids = {vpc_ids}\n"));
        }
        text
    }

    /// Whether a scope is among the token's, or in what `admin` includes.
    pub(super) fn grants(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|granted| *granted == scope || *granted == Scope::Admin)
    }
}

/// Names stand in logs and on command lines: they are short, and made of visible ASCII.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.starts_with(PREFIX) {
        return Err(format!("must not start with {PREFIX}, as tokens do"));
    }
    let fits = (1..=MAX_TOKEN_NAME_BYTES).contains(&name.len());
    if fits && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(format!("must be 1 to {MAX_TOKEN_NAME_BYTES} visible ASCII characters without spaces"))
}

fn text(table: &mut Table, field: &str) -> Result<String, EntryError> {
    match table.remove(field) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(EntryError::new(field, "must be a string")),
        None => Err(EntryError::new(field, "is missing")),
    }
}

fn list(table: &mut Table, field: &str) -> Result<Option<Vec<String>>, EntryError> {
    let not_strings = || EntryError::new(field, "must be an array of strings");
    match table.remove(field) {
        Some(Value::Array(values)) if values.is_empty() => {
            Err(EntryError::new(field, "must not be empty"))
        }
        Some(Value::Array(values)) => values
            .into_iter()
            .map(|value| value.as_str().map(str::to_owned).ok_or_else(not_strings))
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => Err(not_strings()),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_includes_everything_and_nothing_else_includes_another() {
        let entry = |scopes: &[Scope]| Entry {
            name: "n".to_owned(),
            digest: Digest::of(b"x"),
            scopes: scopes.to_vec(),
            vpc_ids: None,
        };
        let all = [Scope::Write, Scope::Read, Scope::Admin];
        assert!(all.iter().all(|scope| entry(&[Scope::Admin]).grants(*scope)));
        assert!(!entry(&[Scope::Read]).grants(Scope::Write));
        assert!(!entry(&[Scope::Write]).grants(Scope::Read));
        assert!(!entry(&[Scope::Write, Scope::Read]).grants(Scope::Admin));
    }
}
