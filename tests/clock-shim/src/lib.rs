//! A library for `LD_PRELOAD` that moves a program's wall clock: to the time of day it adds the
//! nanoseconds that stand in the file `CLOCK_SHIM_OFFSET`, now, at each reading. The steady clock
//! is left alone, as it is when somebody sets the clock of a machine.
//!
//! The time comes by system call: looking up the functions that are replaced here would allocate,
//! and an allocator reads the clock.

use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

use libc::{CLOCK_REALTIME, CLOCK_REALTIME_COARSE, clockid_t, timespec, timeval, timezone};

const NANOSECONDS: i64 = 1_000_000_000;

/// The mapped file; null where there is none.
static OFFSET_NS: AtomicPtr<AtomicI64> = AtomicPtr::new(ptr::null_mut());

/// Run by the loader, when the C library is ready and before the program begins.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = map_offset;

extern "C" fn map_offset() {
    // SAFETY: the strings end with NUL, and what the calls return is looked at before it is used.
    // The mapping is never undone, so that the pointer stays good.
    unsafe {
        let path = libc::getenv(c"CLOCK_SHIM_OFFSET".as_ptr());
        if path.is_null() {
            return;
        }
        let file = libc::open(path, libc::O_RDONLY | libc::O_CLOEXEC);
        let size = size_of::<AtomicI64>();
        let mapped = libc::mmap(ptr::null_mut(), size, libc::PROT_READ, libc::MAP_SHARED, file, 0);
        if mapped == libc::MAP_FAILED {
            // A program with the wrong time would pass for one with the right time.
            libc::abort();
        }
        OFFSET_NS.store(mapped.cast(), Ordering::Release);
    }
}

fn offset_ns() -> i64 {
    // SAFETY: null, or a mapping of the right size that is never undone. Its pages begin at an
    // aligned address.
    let offset = unsafe { OFFSET_NS.load(Ordering::Acquire).as_ref() };
    offset.map_or(0, |offset| offset.load(Ordering::Relaxed))
}

/// Moves a time, given as seconds and nanoseconds.
fn moved(seconds: i64, nanoseconds: i64) -> (i64, i64) {
    let time_ns = seconds.wrapping_mul(NANOSECONDS).wrapping_add(nanoseconds);
    let time_ns = time_ns.wrapping_add(offset_ns());
    (time_ns.div_euclid(NANOSECONDS), time_ns.rem_euclid(NANOSECONDS))
}

/// `clock_gettime(2)`, with the time of day moved.
///
/// # Safety
/// `time` must be null or point to a `timespec`, as the C library demands.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: the kernel checks the pointer; it has written to it before it is used here.
    unsafe {
        let status = libc::syscall(libc::SYS_clock_gettime, clock, time) as c_int;
        if status == 0
            && matches!(clock, CLOCK_REALTIME | CLOCK_REALTIME_COARSE)
            && let Some(time) = time.as_mut()
        {
            (time.tv_sec, time.tv_nsec) = moved(time.tv_sec, time.tv_nsec);
        }
        status
    }
}

/// `gettimeofday(2)`, moved in the same way.
///
/// # Safety
/// `time` and `zone` must each be null or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut timeval, zone: *mut timezone) -> c_int {
    // SAFETY: as above.
    unsafe {
        let status = libc::syscall(libc::SYS_gettimeofday, time, zone) as c_int;
        if status == 0
            && let Some(time) = time.as_mut()
        {
            let (seconds, nanoseconds) = moved(time.tv_sec, time.tv_usec * 1_000);
            (time.tv_sec, time.tv_usec) = (seconds, nanoseconds / 1_000);
        }
        status
    }
}
