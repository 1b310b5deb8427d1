//! What a process uses, as the kernel counts it in `/proc`: CPU time and memory.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::failure::{Doing, Failure, Result};

/// A tick of the times in `/proc/PID/stat`: `USER_HZ` is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// How long a process must have been idle to count as settled.
const SETTLED: Duration = Duration::from_millis(300);

/// The longest wait for a process to settle.
const SETTLING: Duration = Duration::from_secs(20);

/// CPU time of a process so far: user and system, all threads, and all its descendants, also
/// those that have ended.
pub fn cpu(pid: u32) -> Result<Duration> {
    let table = processes()?;
    let mut ticks = 0;
    let mut pending = vec![pid];
    while let Some(pid) = pending.pop() {
        let own = table.get(&pid).ok_or_else(|| Failure::new(format!("process {pid} is gone")))?;
        ticks += own.ticks;
        pending.extend(table.iter().filter(|(_, stat)| stat.parent == pid).map(|(pid, _)| *pid));
    }
    Ok(TICK * ticks)
}

/// Like [`cpu`], after what goes on in the background (a checkpoint, say) has come to an end.
pub fn settled_cpu(pid: u32) -> Result<Duration> {
    let deadline = Instant::now() + SETTLING;
    let mut last = cpu(pid)?;
    let mut since = Instant::now();
    while since.elapsed() < SETTLED && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
        let now = cpu(pid)?;
        // A tick now and then is a timer, not work.
        if now > last + TICK {
            last = now;
            since = Instant::now();
        }
    }
    cpu(pid)
}

/// CPU time of a process so far, without its descendants: to the nanosecond, by its threads'
/// `schedstat`. Threads that have ended are not in it.
pub fn run_time(pid: u32) -> Result<Duration> {
    let tasks = format!("/proc/{pid}/task");
    let mut total = Duration::ZERO;
    for task in fs::read_dir(&tasks).doing(&tasks)? {
        let path = task.doing(&tasks)?.path().join("schedstat");
        let text = fs::read_to_string(&path).doing(path.display())?;
        let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
        let missing = || Failure::new(format!("{} has no run time", path.display()));
        total += Duration::from_nanos(nanoseconds.ok_or_else(missing)?);
    }
    Ok(total)
}

/// Resident memory of a process now, in bytes.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    status_bytes(pid, "VmRSS:")
}

/// The most resident memory of a process since the last [`reset_peak`], in bytes.
pub fn peak_bytes(pid: u32) -> Result<u64> {
    status_bytes(pid, "VmHWM:")
}

/// Makes [`peak_bytes`] start anew, by proc(5), `clear_refs`.
pub fn reset_peak(pid: u32) -> Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    fs::write(&path, "5").doing(path)
}

fn status_bytes(pid: u32, field: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).doing(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kilobytes.ok_or_else(|| Failure::new(format!("{path} has no {field}")))? * 1024)
}

struct Stat {
    parent: u32,
    ticks: u32,
}

fn processes() -> Result<HashMap<u32, Stat>> {
    let mut table = HashMap::new();
    for entry in fs::read_dir("/proc").doing("/proc")? {
        let name = entry.doing("/proc")?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end between the listing and the reading.
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if let Some(stat) = parse_stat(&text) {
            table.insert(pid, stat);
        }
    }
    Ok(table)
}

/// The parent, and the sum of utime, stime, cutime and cstime.
fn parse_stat(text: &str) -> Option<Stat> {
    // The name in parentheses may hold anything, so what follows its end is what counts.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let times = fields.get(11..15)?.iter().map(|field| field.parse::<u32>().ok());
    Some(Stat { parent, ticks: times.sum::<Option<u32>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks_does_not_shift_the_fields() {
        let text = "12 (a) b (c) S 7 1 1 0 -1 0 1 2 3 4 100 20 3 0 20 0 9 0 1";
        let stat = parse_stat(text).unwrap();
        assert_eq!((stat.parent, stat.ticks), (7, 123));
        assert!(parse_stat("").is_none());
    }

    #[test]
    fn this_process_uses_memory() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 0);
        assert!(peak_bytes(pid).unwrap() >= resident_bytes(pid).unwrap() / 2);
        cpu(pid).unwrap();
        let (before, begin) = (run_time(pid).unwrap(), Instant::now());
        // The kernel brings it up to date when a thread is interrupted.
        while run_time(pid).unwrap() == before {
            assert!(begin.elapsed() < Duration::from_secs(10), "it does not grow");
        }
    }
}
