//! `Tokens`: the token file as a whole, and the search for the token that a client shows.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use toml::{Table, Value};

use super::access::Access;
use super::entry::{Entry, EntryError, check_name};
use super::secret::Digest;
use crate::limits::MAX_TOKEN_FILE_BYTES;

/// All tokens that are good for something.
#[derive(Debug)]
pub struct Tokens {
    /// By the heads of their digests.
    by_head: Vec<Arc<Entry>>,
}

/// Why a token file cannot be used. Neither tokens nor hashes are told.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// There is nothing in the file, not even a comment.
    #[error("is empty; if nobody is to get in, let it have a comment")]
    Blank,
    /// The file is larger than any token file should be.
    #[error("is larger than {MAX_TOKEN_FILE_BYTES} bytes")]
    TooLarge,
    /// The file is not TOML.
    #[error("line {line}: {reason}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The file has something else than tokens.
    #[error("{0} is not known: the file is made of [[token]] entries")]
    Unknown(String),
    /// An entry is not valid.
    #[error("token {number}{}: {error}", named(.name))]
    Entry {
        /// Which entry, from 1.
        number: usize,
        /// Its name, if it has one.
        name: Option<String>,
        /// What is wrong with it.
        error: EntryError,
    },
    /// Two entries cannot be told apart.
    #[error("token {number} ({name:?}): {field} is that of an earlier token")]
    Twice {
        /// Which entry, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// The field that is given twice.
        field: &'static str,
    },
}

fn named(name: &Option<String>) -> String {
    name.as_ref().map_or_else(String::new, |name| format!(" ({name:?})"))
}

impl Tokens {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or anything in it is not valid.
    pub fn load(path: &Path) -> Result<Self, TokensError> {
        let text = read(path)?;
        // Who writes a file anew empties it first: that is not to lock everybody out.
        if text.trim().is_empty() {
            return Err(TokensError::Blank);
        }
        Ok(Self::new(parse(&text)?))
    }

    fn new(entries: Vec<Entry>) -> Self {
        let mut by_head: Vec<Arc<Entry>> = entries.into_iter().map(Arc::new).collect();
        by_head.sort_by_key(|entry| entry.digest.head());
        Self { by_head }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_head.len()
    }

    /// All entries, in order of their names.
    pub fn by_name(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.by_head.iter().map(|entry| &**entry).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    /// What the owner of a token may do, if it is one of these.
    ///
    /// The search tells by its time at most how a hash of ours starts. Nobody can make a text
    /// whose hash starts as they like and learn from that; equality is decided in constant time.
    pub(crate) fn find(&self, text: &[u8]) -> Option<Access> {
        let digest = Digest::of(text);
        let start = self.by_head.partition_point(|entry| entry.digest.head() < digest.head());
        let candidates = self.by_head.get(start..).unwrap_or_default().iter();
        let found = candidates
            .take_while(|entry| entry.digest.head() == digest.head())
            .find(|entry| entry.digest.same(&digest))?;
        Some(Access::of(Arc::clone(found)))
    }
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, TokensError> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(MAX_TOKEN_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_TOKEN_FILE_BYTES {
        return Err(TokensError::TooLarge);
    }
    Ok(text)
}

/// The entries of a file's text, in its order.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, TokensError> {
    let mut file: Table = toml::from_str(text).map_err(|error| malformed(text, &error))?;
    let tables = match file.remove("token") {
        None => Vec::new(),
        Some(Value::Array(tables)) => tables,
        Some(_) => return Err(TokensError::Unknown("token outside of [[token]]".to_owned())),
    };
    if let Some(unknown) = file.keys().next() {
        return Err(TokensError::Unknown(format!("{unknown:?}")));
    }
    let entries = (1..).zip(tables).map(|(number, value)| entry(number, value));
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    check_unique(&entries)?;
    Ok(entries)
}

fn entry(number: usize, value: Value) -> Result<Entry, TokensError> {
    let Value::Table(table) = value else {
        return Err(TokensError::Unknown("token outside of [[token]]".to_owned()));
    };
    let name = table.get("name").and_then(Value::as_str);
    // What is no name could be a secret in the wrong place.
    let name = name.filter(|name| check_name(name).is_ok()).map(str::to_owned);
    Entry::from_table(table).map_err(|error| TokensError::Entry { number, name, error })
}

fn check_unique(entries: &[Entry]) -> Result<(), TokensError> {
    let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
    for (number, entry) in (1..).zip(entries) {
        let twice = |field| TokensError::Twice { number, name: entry.name.clone(), field };
        if !names.insert(&entry.name) {
            return Err(twice("name"));
        }
        if !digests.insert(entry.digest) {
            return Err(twice("sha256"));
        }
    }
    Ok(())
}

/// The parser's full message would quote the line, and so perhaps a secret.
fn malformed(text: &str, error: &toml::de::Error) -> TokensError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    TokensError::Malformed {
        line: before.matches('\n').count() + 1,
        reason: error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Scope;

    fn entry_text(name: &str, secret: &str, more: &str) -> String {
        let digest = Digest::of(secret.as_bytes()).to_hex();
        format!("[[token]]\nname = \"{name}\"\nsha256 = \"{digest}\"\n{more}\n")
    }

    #[test]
    fn a_token_is_found_by_its_text_and_by_nothing_else() {
        let text: String = (0..50)
            .map(|n| entry_text(&format!("t{n}"), &format!("s{n}"), "scopes = [\"read\"]"))
            .collect();
        let tokens = Tokens::new(parse(&text).unwrap());
        assert_eq!(tokens.count(), 50);
        for n in 0..50 {
            let access = tokens.find(format!("s{n}").as_bytes()).unwrap();
            assert_eq!(access.name(), format!("t{n}"));
        }
        for wrong in ["", "s", "s50", "S1", &Digest::of(b"s1").to_hex()] {
            assert!(tokens.find(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(Tokens::new(Vec::new()).find(b"").is_none());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let entry = Entry {
            name: "a\"b\\".to_owned(),
            digest: Digest::of(b"x"),
            scopes: vec![Scope::Write, Scope::Admin],
            vpc_ids: Some(vec!["vpc \"1\"".to_owned(), "ß".to_owned()]),
        };
        let other = Entry {
            name: "o".to_owned(),
            digest: Digest::of(b"y"),
            vpc_ids: None,
            ..entry.clone()
        };
        let text = format!("# ours\n{}\n{}", entry.to_toml(), other.to_toml());
        assert_eq!(parse(&text).unwrap(), [entry, other]);
        assert_eq!(parse("# nothing yet\n").unwrap(), []);
    }

    #[test]
    fn an_error_names_the_entry_and_the_field_and_no_secret() {
        let scopes = "scopes = [\"read\"]";
        let good = entry_text("good", "s1", scopes);
        for (bad, words) in [
            (entry_text("bad", "s", ""), &["token 2", "\"bad\"", "scopes is missing"][..]),
            (entry_text("bad", "s", "scopes = []"), &["token 2", "scopes must not be empty"]),
            (entry_text("bad", "s", "scopes = \"read\""), &["scopes must be an array"]),
            (
                entry_text("bad", "s", "scopes = [\"fas_secret\"]"),
                &["\"bad\"", "scopes a scope is"],
            ),
            (entry_text("bad", "s", &format!("{scopes}\nvpc_ids = []")), &["vpc_ids must not"]),
            (entry_text("bad", "s", &format!("{scopes}\nvpc_ids = [\"\"]")), &["vpc_ids must not"]),
            (entry_text("bad", "s", &format!("{scopes}\ncolour = 1")), &["colour is not a field"]),
            (entry_text("a b", "s", scopes), &["token 2", "name must be 1 to 64"]),
            (entry_text("fas_secret", "s", scopes), &["token 2", "name must not start"]),
            (entry_text("good", "s", scopes), &["token 2", "name is that of an earlier"]),
            (entry_text("bad", "s1", scopes), &["token 2", "sha256 is that of an earlier"]),
            (
                "[[token]]\nname = \"bad\"\nsha256 = \"fas_secret\"".to_owned(),
                &["sha256 must be 64"],
            ),
            ("[[token]]\nsha256 = 5".to_owned(), &["token 2", "name is missing"]),
            ("[[token]]\nname = fas_secret".to_owned(), &["line 6"]),
            ("[token.x]".to_owned(), &["x is not a field"]),
            ("[tokens]\nx = 1".to_owned(), &["\"tokens\" is not known"]),
        ] {
            let error = parse(&format!("{good}{bad}")).unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "{bad}: {error}");
            }
            assert!(!error.contains("fas_secret"), "{error}");
        }
        assert!(parse("token = 1").is_err() && parse("token = [1]").is_err());
    }
}
