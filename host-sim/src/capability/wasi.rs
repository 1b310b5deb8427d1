//! WASI preview 1, as far as plugins need it: the virtual clock, random numbers from the seed, the
//! environment, and standard output that becomes the log. There are no files: `files`.

mod files;

use std::fmt;

use wasmtime::Linker;

use crate::{
    limits::MAX_RANDOM_BYTES,
    vm::{
        guest::{CallError, CallResult, Guest, charge, write},
        state::VmState,
    },
};

/// The modules under which the same functions are imported.
const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// The errors of WASI that this host gives.
const BAD_FILE: u32 = 8;
const FAULT: u32 = 21;
const INVALID: u32 = 28;
const NO_ENTRY: u32 = 44;
const NO_FUNCTION: u32 = 52;
const NOT_SUPPORTED: u32 = 58;

/// The guest ended itself: `proxy-wasm` has no use for that, so it is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit(u32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the guest ended itself by proc_exit({})", self.0)
    }
}

impl std::error::Error for Exit {}

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    for module in MODULES {
        link_clock_and_random(linker, module)?;
        link_arguments(linker, module)?;
        files::link(linker, module)?;
        linker.func_wrap(module, "proc_exit", |code: u32| -> wasmtime::Result<()> {
            Err(wasmtime::Error::new(Exit(code)))
        })?;
        linker.func_wrap(module, "sched_yield", || 0_u32)?;
        // Nothing is waited for, and nothing has happened.
        linker.func_wrap(
            module,
            "poll_oneoff",
            |mut guest: Guest<'_>, _: u32, _: u32, _: u32, happened: u32| {
                errno(write(&mut guest, happened, &0_u32.to_le_bytes()))
            },
        )?;
    }
    // What Emscripten adds for C++.
    linker.func_wrap("env", "emscripten_notify_memory_growth", |_: u32| ())?;
    Ok(())
}

/// What WASI says of a result; a bad pointer is the only thing that can go wrong, as long as there
/// is fuel.
fn errno(result: CallResult) -> wasmtime::Result<u32> {
    match result {
        Ok(()) => Ok(0),
        Err(CallError::Status(_)) => Ok(FAULT),
        Err(CallError::Failed(error)) => Err(error),
    }
}

fn link_clock_and_random(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "clock_time_get",
        |mut guest: Guest<'_>, clock: u32, _precision: u64, time: u32| {
            // Real time, which a test can put off, and monotonic time.
            let process = &guest.data().process;
            let now_ns = match clock {
                0 => process.wall_ns(),
                1 => process.now_ns.get(),
                _ => return Ok(NOT_SUPPORTED),
            };
            errno(write(&mut guest, time, &now_ns.to_le_bytes()))
        },
    )?;
    linker.func_wrap(
        module,
        "clock_res_get",
        |mut guest: Guest<'_>, clock: u32, resolution: u32| match clock {
            0 | 1 => errno(write(&mut guest, resolution, &1_u64.to_le_bytes())),
            _ => Ok(NOT_SUPPORTED),
        },
    )?;
    linker.func_wrap(module, "random_get", |mut guest: Guest<'_>, data: u32, size: u32| {
        if size > MAX_RANDOM_BYTES {
            return Ok(INVALID);
        }
        let result = random_get(&mut guest, data, size);
        errno(result)
    })?;
    Ok(())
}

fn random_get(guest: &mut Guest<'_>, data: u32, size: u32) -> CallResult {
    charge(guest, usize::try_from(size).unwrap_or(usize::MAX))?;
    let bytes = random(&mut guest.data_mut().random, size);
    if bytes.is_empty() { Ok(()) } else { write(guest, data, &bytes) }
}

/// So many bytes of a SplitMix64 sequence: not secret, and the same in every run.
fn random(state: &mut u64, size: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..size.div_ceil(8) {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = *state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(usize::try_from(size).unwrap_or_default());
    bytes
}

fn link_arguments(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(module, "args_get", |_: u32, _: u32| 0_u32)?;
    linker.func_wrap(module, "args_sizes_get", |mut guest: Guest<'_>, count: u32, size: u32| {
        errno(sizes(&mut guest, (count, size), &[]))
    })?;
    linker.func_wrap(
        module,
        "environ_sizes_get",
        |mut guest: Guest<'_>, count: u32, size: u32| {
            let variables = variables(guest.data());
            errno(sizes(&mut guest, (count, size), &variables))
        },
    )?;
    linker.func_wrap(module, "environ_get", |mut guest: Guest<'_>, list: u32, texts: u32| {
        errno(environ_get(&mut guest, list, texts))
    })?;
    Ok(())
}

/// The environment as texts that end with NUL.
fn variables(state: &VmState) -> Vec<String> {
    state.environment.iter().map(|(name, value)| format!("{name}={value}\0")).collect()
}

fn sizes(guest: &mut Guest<'_>, (count, size): (u32, u32), texts: &[String]) -> CallResult {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    write(guest, count, &number(texts.len()))?;
    write(guest, size, &number(texts.iter().map(String::len).sum()))
}

fn environ_get(guest: &mut Guest<'_>, mut list: u32, mut text: u32) -> CallResult {
    for variable in variables(guest.data()) {
        write(guest, list, &text.to_le_bytes())?;
        write(guest, text, variable.as_bytes())?;
        list = list.wrapping_add(4);
        text = text.wrapping_add(u32::try_from(variable.len()).unwrap_or(u32::MAX));
    }
    Ok(())
}
