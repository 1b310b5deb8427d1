//! Changes of the token file by `fas token`: under a lock, and so that whoever reads the file sees
//! it before or after, whatever happens. What people wrote into it stays.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::tokens::{TokensError, parse, read};

/// Why a token file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file cannot be written.
    #[error("cannot be changed: {0}")]
    Io(#[from] io::Error),
    /// What is there, or would be, is not valid.
    #[error(transparent)]
    Invalid(#[from] TokensError),
    /// There is a token of this name.
    #[error("there is a token {0:?} already: choose another name, or revoke it first")]
    Exists(String),
    /// There is no token of this name.
    #[error("there is no token {0:?}")]
    Missing(String),
    /// The file is laid out in a way that is left to people.
    #[error("is laid out in an unusual way: please remove the entry by hand")]
    Layout,
}

/// Adds an entry at the end; makes the file if there is none.
///
/// # Errors
/// When the name is taken, or the file cannot be used or changed; then it is as it was.
pub fn append(path: &Path, entry: &Entry) -> Result<(), EditError> {
    change(path, |mut text, entries| {
        if entries.iter().any(|other| other.name == entry.name) {
            return Err(EditError::Exists(entry.name.clone()));
        }
        if !text.is_empty() {
            text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
        }
        text.push_str(&entry.to_toml());
        Ok(text)
    })
}

/// Removes the entry of a name.
///
/// # Errors
/// When there is none, or the file cannot be used or changed; then it is as it was.
pub fn remove(path: &Path, name: &str) -> Result<(), EditError> {
    change(path, |text, mut entries| {
        let missing = || EditError::Missing(name.to_owned());
        let position = entries.iter().position(|entry| entry.name == name).ok_or_else(missing)?;
        entries.remove(position);
        let mut rest = without_block(&text, position);
        if rest.trim().is_empty() {
            // An empty file would be taken for one that is just being written.
            rest = "# There are no tokens: nobody gets in.\n".to_owned();
        }
        if parse(&rest).is_ok_and(|left| left == entries) {
            Ok(rest)
        } else {
            Err(EditError::Layout)
        }
    })
}

/// The text without a `[[token]]` block: from its header to the next one, except for comments and
/// blank lines at its end, which belong to what follows.
fn without_block(text: &str, position: usize) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let is_header = |line: &&str| line.trim_start().starts_with('[');
    let is_token = |line: &str| line.trim_start().starts_with("[[token]]");
    let mut tokens = (0..).zip(&lines).filter(|(_, line)| is_token(line)).map(|(at, _)| at);
    let start: usize = tokens.nth(position).unwrap_or(lines.len());
    let block = lines.get(start + 1..).unwrap_or_default();
    let length = block.iter().take_while(|line| !is_header(line)).count();
    let says = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let block = block.get(..length).unwrap_or_default();
    let end = start + 1 + block.iter().rposition(says).map_or(0, |last| last + 1);
    let kept = lines.iter().take(start).chain(lines.iter().skip(end));
    kept.copied().collect()
}

/// Replaces the file by what `edit` makes of its text and entries.
fn change(
    path: &Path,
    edit: impl FnOnce(String, Vec<Entry>) -> Result<String, EditError>,
) -> Result<(), EditError> {
    // Behind a symbolic link, the file is changed and not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = directory_of(&path);
    let folder = File::open(&directory)?;
    folder.lock()?;
    let text = match read(&path) {
        Err(TokensError::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {
            String::new()
        }
        other => other?,
    };
    let entries = parse(&text)?;
    let text = edit(text, entries)?;
    parse(&text)?;
    replace(&path, &text)?;
    folder.sync_all()?;
    Ok(())
}

fn directory_of(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Writes beside the file and renames. A new file is for its owner only; one that is there keeps
/// its owner and mode, because the service may run as another user than the one who edits.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    // What a killed predecessor left is no use; nobody else writes it, because of the lock.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    if let Ok(old) = fs::metadata(path) {
        let new = file.metadata()?;
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o777))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Digest, Scope};

    fn entry(name: &str) -> Entry {
        Entry {
            name: name.to_owned(),
            digest: Digest::of(name.as_bytes()),
            scopes: vec![Scope::Read],
            vpc_ids: None,
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn tokens_come_and_go_and_what_people_wrote_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.toml");
        append(&path, &entry("a")).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let text = format!("# ours\n\n{}# b is for the batch job", read(&path).unwrap());
        fs::write(&path, text).unwrap();
        append(&path, &entry("b")).unwrap();
        append(&path, &entry("c")).unwrap();
        assert!(matches!(append(&path, &entry("b")), Err(EditError::Exists(_))));
        assert_eq!(parse(&read(&path).unwrap()).unwrap(), ["a", "b", "c"].map(entry));
        for (name, left) in [("a", &["b", "c"][..]), ("c", &["b"]), ("b", &[])] {
            remove(&path, name).unwrap();
            let left: Vec<Entry> = left.iter().map(|name| entry(name)).collect();
            assert_eq!(parse(&read(&path).unwrap()).unwrap(), left);
            assert!(matches!(remove(&path, name), Err(EditError::Missing(_))));
        }
        let text = read(&path).unwrap();
        assert!(text.contains("# ours") && text.contains("# b is for the batch job"), "{text}");
        assert_eq!(mode(&path), 0o640);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside");
    }

    #[test]
    fn a_file_that_is_not_understood_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.toml");
        let digest = Digest::of(b"a").to_hex();
        let inline =
            format!("token = [{{name = \"a\", sha256 = \"{digest}\", scopes = [\"read\"]}}]\n");
        for text in ["[[token]]\nname = 5\n", &inline] {
            fs::write(&path, text).unwrap();
            assert!(append(&path, &entry("b")).is_err());
            assert!(remove(&path, "a").is_err());
            assert_eq!(read(&path).unwrap(), text);
        }
    }

    #[test]
    fn of_many_at_once_none_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.toml");
        std::thread::scope(|scope| {
            for n in 0..16 {
                let path = &path;
                scope.spawn(move || append(path, &entry(&format!("t{n}"))).unwrap());
            }
        });
        assert_eq!(parse(&read(&path).unwrap()).unwrap().len(), 16);
    }
}
