//! `Reloading`: something that is read from files, and read again when they change. A change that
//! cannot be used leaves what there was.

use std::error::Error;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::limits::RELOAD_POLL;
use crate::metrics::Metrics;

type LoadError = Box<dyn Error + Send + Sync>;
type Load<T> = Box<dyn Fn() -> Result<T, LoadError> + Send + Sync>;

/// The latest usable state of some files.
pub(crate) struct Reloading<T> {
    what: &'static str,
    files: Vec<PathBuf>,
    load: Load<T>,
    current: watch::Sender<Arc<T>>,
    seen: Mutex<Vec<Option<Stamp>>>,
}

/// What changes about a file when it is written or replaced, also by a change of a symbolic link
/// on its path.
#[derive(PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size_bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl<T: Send + Sync + 'static> Reloading<T> {
    /// Loads for the first time. `what` names it in the log and the metrics.
    pub fn new(
        what: &'static str,
        files: Vec<PathBuf>,
        load: impl Fn() -> Result<T, LoadError> + Send + Sync + 'static,
    ) -> Result<Self, LoadError> {
        // Looked at before they are read: a change in between is seen the next time.
        let seen = Mutex::new(stamps(&files));
        let current = watch::Sender::new(Arc::new(load()?));
        Ok(Self { what, files, load: Box::new(load), current, seen })
    }

    /// What holds now.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.current.borrow())
    }

    /// Looks at the files again and again, for ever.
    pub async fn follow(self: Arc<Self>, metrics: Arc<Metrics>) {
        loop {
            tokio::time::sleep(RELOAD_POLL).await;
            let (this, metrics) = (Arc::clone(&self), Arc::clone(&metrics));
            // A disk can make us wait; a panic in there is logged by itself, and then we go on.
            let _ = tokio::task::spawn_blocking(move || this.check(&metrics)).await;
        }
    }

    /// Looks at the files once.
    fn check(&self, metrics: &Metrics) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = stamps(&self.files);
        if *seen == found {
            return;
        }
        *seen = found;
        let outcome = match (self.load)() {
            Ok(loaded) => {
                self.current.send_replace(Arc::new(loaded));
                log::info!("the {} have changed and are in force", self.what);
                "ok"
            }
            Err(error) => {
                log::error!("the {} have changed, and the old ones stay: {error}", self.what);
                "failed"
            }
        };
        metrics.reloads.with_label_values(&[self.what, outcome]).inc();
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    files
        .iter()
        .map(|file| {
            let found = fs::metadata(file).ok()?;
            Some(Stamp {
                device: found.dev(),
                inode: found.ino(),
                size_bytes: found.len(),
                modified: (found.mtime(), found.mtime_nsec()),
                changed: (found.ctime(), found.ctime_nsec()),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(path: &std::path::Path) -> Result<u32, LoadError> {
        Ok(fs::read_to_string(path)?.trim().parse()?)
    }

    #[test]
    fn a_good_change_counts_and_a_bad_one_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("number");
        let metrics = Metrics::new().unwrap();
        let load = {
            let path = path.clone();
            move || number(&path)
        };
        assert!(Reloading::new("numbers", vec![path.clone()], load.clone()).is_err());
        fs::write(&path, "1").unwrap();
        let numbers = Reloading::new("numbers", vec![path.clone()], load).unwrap();
        for (text, expected) in
            [(Some("22"), 22), (Some("bad"), 22), (None, 22), (Some("333"), 333)]
        {
            match text {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            numbers.check(&metrics);
            assert_eq!(*numbers.get(), expected, "{text:?}");
        }
        let count = |outcome| metrics.reloads.with_label_values(&["numbers", outcome]).get();
        assert_eq!((count("ok"), count("failed")), (2, 2));
        numbers.check(&metrics);
        assert_eq!(count("ok"), 2, "what has not changed is not read again");
    }
}
