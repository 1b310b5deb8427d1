//! What the guests have logged, read from Envoy's log while it grows.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Envoy's log, as far as it has been read.
pub struct Log {
    path: PathBuf,
    offset: u64,
    process: u32,
    workers: usize,
    /// The number of each thread that has logged: main is 0, the workers follow.
    threads: BTreeMap<String, usize>,
    /// The lines of each guest, on each thread, by its key.
    lines: BTreeMap<String, Vec<Vec<String>>>,
}

impl Log {
    /// The log of a process that has so many workers.
    pub fn new(path: PathBuf, process: u32, workers: usize) -> Self {
        let (threads, lines) = (BTreeMap::new(), BTreeMap::new());
        Self { path, offset: 0, process, workers, threads, lines }
    }

    /// The lines of a guest so far, on each thread.
    pub fn lines(&mut self, key: &str) -> Vec<Vec<String>> {
        self.read();
        let none = || vec![Vec::new(); self.workers + 1];
        self.lines.get(key).cloned().unwrap_or_else(none)
    }

    /// Copies it.
    pub fn keep(&self, to: &Path) {
        fs::copy(&self.path, to).expect("the log can be kept");
    }

    /// Reads what has been added.
    fn read(&mut self) {
        let mut file = File::open(&self.path).expect("Envoy has a log");
        file.seek(SeekFrom::Start(self.offset)).expect("a file has places");
        let mut added = Vec::new();
        file.read_to_end(&mut added).expect("a log can be read");
        // The last line may not be there as a whole yet.
        let end = added.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.offset += end as u64;
        for line in String::from_utf8_lossy(&added[..end]).lines() {
            let Some((thread, key, level, message)) = parse(line) else { continue };
            let thread = self.thread(thread);
            let none = || vec![Vec::new(); self.workers + 1];
            let lines = self.lines.entry(key.to_owned()).or_insert_with(none);
            lines[thread].push(super::line(level, message));
        }
    }

    /// The number of a thread. Main has the id of the process; which worker is which, their names
    /// say, which can be read as long as they run.
    fn thread(&mut self, id: &str) -> usize {
        let Self { process, workers, threads, .. } = self;
        let number = || match (id.parse() == Ok(*process), *workers) {
            (true, _) => 0,
            (false, 1) => 1,
            (false, _) => {
                let name = fs::read_to_string(format!("/proc/{process}/task/{id}/comm"));
                let name = name.unwrap_or_else(|error| panic!("thread {id} has no name: {error}"));
                let worker = name.trim().strip_prefix("wrk:worker_").expect("it is a worker");
                worker.parse::<usize>().expect("a number") + 1
            }
        };
        *threads.entry(id.to_owned()).or_insert_with(number)
    }
}

/// Thread, key, level and message of a guest's line: `[17][info] wasm log c01 root c01: text`.
fn parse(line: &str) -> Option<(&str, &str, &str, &str)> {
    let (thread, rest) = line.strip_prefix('[')?.split_once("][")?;
    let (level, rest) = rest.split_once("] wasm log")?;
    let (names, message) = rest.split_once(": ")?;
    let is_key = |word: &&str| word.len() == 4 && word.starts_with('c');
    let key = names.split(' ').find(is_key)?;
    Some((thread, key, level, message))
}
