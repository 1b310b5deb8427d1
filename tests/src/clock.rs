//! A wall clock that a test can set while Envoy runs. Time goes on by itself; only what is added
//! to the machine's own clock changes. `tests/clock-shim` is the part of it that runs in Envoy.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::deadline::wait_until;
use crate::programs;

const HOUR: Duration = Duration::from_secs(3600);

/// The wall clock of the programs that are started with it.
pub struct Clock {
    path: PathBuf,
    file: File,
    offset_ns: AtomicI64,
}

impl Clock {
    /// A clock that shows the machine's time until it is set. It lives in a file in `directory`.
    pub fn new(directory: &Path) -> Self {
        let path = directory.join("clock-offset");
        let file = File::create(&path).expect("a file can be made");
        let clock = Self { path, file, offset_ns: AtomicI64::new(0) };
        clock.write();
        clock
    }

    /// Has a program that is yet to be started go by this clock.
    pub fn rule(&self, command: &mut Command) {
        command.env("LD_PRELOAD", programs::clock_shim()).env("CLOCK_SHIM_OFFSET", &self.path);
    }

    /// What it shows, as the time since the Unix epoch.
    pub fn now(&self) -> Duration {
        let offset_ns = self.offset_ns.load(Ordering::Relaxed);
        let step = Duration::from_nanos(offset_ns.unsigned_abs());
        if offset_ns < 0 { machine_time() - step } else { machine_time() + step }
    }

    /// The hour that it shows, in hours since the Unix epoch.
    pub fn hour(&self) -> u64 {
        self.now().as_secs() / HOUR.as_secs()
    }

    /// Sets it to the time `into` the hour `hour`.
    pub fn set(&self, hour: u64, into: Duration) {
        let time = Duration::from_secs(hour * HOUR.as_secs()) + into;
        let nanoseconds = |time: Duration| i64::try_from(time.as_nanos()).expect("it is not 2262");
        let offset_ns = nanoseconds(time) - nanoseconds(machine_time());
        self.offset_ns.store(offset_ns, Ordering::Relaxed);
        self.write();
    }

    /// Sets it so that `hour` ends in `remaining`.
    pub fn set_before_the_end_of(&self, hour: u64, remaining: Duration) {
        self.set(hour, HOUR - remaining);
    }

    /// Waits until it has come to `hour` by itself.
    pub fn wait_for_hour(&self, hour: u64) {
        wait_until(&format!("the hour {hour}"), || self.hour() >= hour);
    }

    fn write(&self) {
        let offset_ns = self.offset_ns.load(Ordering::Relaxed);
        self.file.write_all_at(&offset_ns.to_ne_bytes(), 0).expect("a file can be written");
    }
}

fn machine_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970")
}
