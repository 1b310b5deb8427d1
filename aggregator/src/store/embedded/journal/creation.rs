//! `Creation`: the making of a directory's database, which may be cut short by a kill. What was
//! made by then holds nothing that was acknowledged, and is in the way of the next start: a file
//! says so until all is made.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{JournalError, mark};

/// It is there, and locked, while the database is being made.
const FILE_NAME: &str = "creating";

/// fjall makes this file when it has made the others.
const VERSION_FILE: &str = "version";

/// What else making a database leaves in the directory: files, and a directory of directories.
const FILES: [&str; 4] = ["lock", "0.jnl", VERSION_FILE, mark::FILE_NAME];
const KEYSPACES: &str = "keyspaces";

/// Keeps others from making the same database.
pub(super) struct Creation {
    directory: PathBuf,
    /// Locked as long as it is open.
    _file: File,
}

impl Creation {
    /// Begins, if the database has yet to be made or its making was cut short: then the remains
    /// are taken away.
    pub fn begin(directory: &Path) -> Result<Option<Self>, JournalError> {
        let path = directory.join(FILE_NAME);
        let has_database = || fs::exists(directory.join(VERSION_FILE));
        if has_database()? && !fs::exists(&path)? {
            return Ok(None);
        }
        let (file, is_first) = match File::create_new(&path) {
            Ok(file) => (file, true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (File::open(&path)?, false),
            Err(error) => return Err(error.into()),
        };
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::Locked,
            TryLockError::Error(error) => error.into(),
        })?;
        // Who had the lock before may have come to the end of it.
        if !is_same(&file, &path)? {
            return Err(JournalError::Locked);
        }
        let creation = Self { directory: directory.to_owned(), _file: file };
        if is_first && has_database()? {
            creation.end()?;
            return Ok(None);
        }
        if !is_first {
            log::warn!("{} was not made to its end, and is made anew", directory.display());
            creation.remove_remains()?;
        }
        sync(directory)?;
        Ok(Some(creation))
    }

    fn remove_remains(&self) -> io::Result<()> {
        for name in FILES {
            unless_missing(fs::remove_file(self.directory.join(name)))?;
        }
        unless_missing(fs::remove_dir_all(self.directory.join(KEYSPACES)))
    }

    /// All is made, and will not be taken for remains: what follows may be acknowledged.
    pub fn end(self) -> Result<(), JournalError> {
        fs::remove_file(self.directory.join(FILE_NAME))?;
        Ok(sync(&self.directory)?)
    }
}

fn is_same(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(there) => Ok(there.ino() == file.metadata()?.ino()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn unless_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::journal::Journal;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_cut_short_is_made_anew() {
        let made = tempfile::tempdir().unwrap();
        drop(Journal::open(made.path()).unwrap());
        let whole = names(made.path());
        let known = FILES.iter().chain([&KEYSPACES]);
        assert_eq!(known.filter(|name| whole.contains(&(**name).to_owned())).count(), 5);
        assert_eq!(whole.len(), 5, "nothing else is made: {whole:?}");
        // Every part of it may be what is there already.
        for missing in &whole {
            let cut = tempfile::tempdir().unwrap();
            drop(Journal::open(cut.path()).unwrap());
            fs::write(cut.path().join(FILE_NAME), "").unwrap();
            let path = cut.path().join(missing);
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            Journal::open(cut.path()).unwrap();
            assert_eq!(names(cut.path()), whole, "without {missing}");
        }
    }

    #[test]
    fn what_is_whole_is_never_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(directory.path()).unwrap();
        journal.meta.insert("moving", "kept").unwrap();
        drop(journal);
        assert!(Creation::begin(directory.path()).unwrap().is_none());
        let journal = Journal::open(directory.path()).unwrap();
        assert_eq!(&*journal.meta.get("moving").unwrap().unwrap(), b"kept");
    }

    #[test]
    fn only_one_makes_it() {
        let directory = tempfile::tempdir().unwrap();
        let creation = Creation::begin(directory.path()).unwrap().unwrap();
        assert!(matches!(Creation::begin(directory.path()), Err(JournalError::Locked)));
        assert!(matches!(Journal::open(directory.path()), Err(JournalError::Locked)));
        creation.end().unwrap();
        Journal::open(directory.path()).unwrap();
    }
}
