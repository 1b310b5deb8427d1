//! `Mark`: a file with the index of the last log entry that was committed.
//!
//! Damage in the middle of fjall's journal can look like a torn tail, which fjall rightly drops:
//! only who knows how far the log went can tell the two apart. The mark is written after each
//! sync and not synced itself, so that it may lag behind the log, and never runs ahead of it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// The mark's file in the store's directory.
pub(super) const FILE_NAME: &str = "committed";

#[derive(Clone)]
pub(super) struct Mark(Arc<File>);

impl Mark {
    /// Opens the mark of a directory, making it if there is none.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Ok(Self(Arc::new(options.open(directory.join(FILE_NAME))?)))
    }

    /// Notes the last committed entry.
    pub fn set(&self, log_index: u64) {
        // A mark that lags behind is no harm.
        if let Err(error) = self.0.write_all_at(&log_index.to_be_bytes(), 0) {
            log::warn!("the file {FILE_NAME} could not be written: {error}");
        }
    }

    /// The last entry that was noted; 0 if there is none.
    pub fn get(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        match self.0.read_exact_at(&mut bytes, 0) {
            Ok(()) => Ok(u64::from_be_bytes(bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            Err(error) => Err(error),
        }
    }
}
