//! The files, folders and sockets of WASI: standard output and standard error become the log, and
//! there is nothing else. What each function answers is what Envoy 1.40 answers (measured).

use wasmtime::Linker;

use super::{BAD_FILE, NO_ENTRY, NO_FUNCTION, NOT_SUPPORTED, errno};
use crate::{
    abi::{LogLevel, Status},
    timeline::EventKind,
    vm::{
        guest::{CallError, CallResult, Guest, read, write},
        state::VmState,
    },
};

const NO_DIRECTORY: u32 = 20;

pub(super) fn link(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    link_output(linker, module)?;
    link_files(linker, module)?;
    link_paths(linker, module)?;
    link_sockets(linker, module)
}

/// What is written to standard output and to standard error, and what a guest asks of them.
fn link_output(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "fd_write",
        |mut guest: Guest<'_>, file: u32, list: u32, count: u32, written: u32| {
            fd_write(&mut guest, file, (list, count), written)
        },
    )?;
    linker.func_wrap(
        module,
        "fd_pwrite",
        |mut guest: Guest<'_>, file: u32, list: u32, count: u32, _at: u64, written: u32| {
            fd_write(&mut guest, file, (list, count), written)
        },
    )?;
    linker.func_wrap(module, "fd_fdstat_get", |mut guest: Guest<'_>, file: u32, stat: u32| {
        if output(file) != 0 {
            return Ok(BAD_FILE);
        }
        // A file that can be written, and nothing else. Where it cannot be put, it is not.
        let words: [u64; 3] = [0, 64, 0];
        match write(&mut guest, stat, &words.map(u64::to_le_bytes).concat()) {
            Err(CallError::Failed(error)) => Err(error),
            _ => Ok(0),
        }
    })?;
    Ok(())
}

/// What is to be done with a file is done for these two, and does nothing.
fn output(file: u32) -> u32 {
    if matches!(file, 1 | 2) { 0 } else { BAD_FILE }
}

/// Nothing is written, and then the errno returned, unless it cannot be written.
fn nothing_at(guest: &mut Guest<'_>, size: u32, result: u32) -> wasmtime::Result<u32> {
    match write(guest, size, &0_u32.to_le_bytes()) {
        Ok(()) => Ok(result),
        Err(error) => errno(Err(error)),
    }
}

fn link_files(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(module, "fd_advise", |_: u32, _: u64, _: u64, _: u32| 0_u32)?;
    linker.func_wrap(module, "fd_allocate", |file: u32, _: u64, _: u64| output(file))?;
    linker.func_wrap(module, "fd_close", |_: u32| 0_u32)?;
    linker.func_wrap(module, "fd_datasync", output)?;
    linker.func_wrap(module, "fd_sync", output)?;
    linker.func_wrap(module, "fd_seek", |_: u32, _: i64, _: u32, _: u32| 0_u32)?;
    linker.func_wrap(
        module,
        "fd_tell",
        |mut guest: Guest<'_>, file: u32, place: u32| match file {
            1 | 2 => errno(write(&mut guest, place, &0_u64.to_le_bytes())),
            _ => Ok(BAD_FILE),
        },
    )?;
    linker.func_wrap(module, "fd_read", |_: u32, _: u32, _: u32, _: u32| NO_FUNCTION)?;
    linker.func_wrap(module, "fd_pread", |_: u32, _: u32, _: u32, _: u64, _: u32| NO_FUNCTION)?;
    linker.func_wrap(
        module,
        "fd_readdir",
        |mut guest: Guest<'_>, _: u32, _: u32, _: u32, _: u64, used: u32| {
            nothing_at(&mut guest, used, NO_DIRECTORY)
        },
    )?;
    linker.func_wrap(module, "fd_renumber", |file: u32, _: u32| match output(file) {
        0 => NOT_SUPPORTED,
        bad => bad,
    })?;
    linker.func_wrap(module, "fd_fdstat_set_flags", |_: u32, _: u32| NO_FUNCTION)?;
    linker.func_wrap(module, "fd_fdstat_set_rights", |file: u32, _: u64, _: u64| output(file))?;
    linker.func_wrap(module, "fd_filestat_get", |_: u32, _: u32| BAD_FILE)?;
    linker.func_wrap(module, "fd_filestat_set_size", |file: u32, _: u64| output(file))?;
    linker.func_wrap(module, "fd_filestat_set_times", |file: u32, _: u64, _: u64, _: u32| {
        output(file)
    })?;
    linker.func_wrap(module, "fd_prestat_get", |_: u32, _: u32| BAD_FILE)?;
    linker.func_wrap(module, "fd_prestat_dir_name", |_: u32, _: u32, _: u32| NO_FUNCTION)?;
    Ok(())
}

/// Standard output becomes a line of the log, standard error one that is an error.
fn fd_write(
    guest: &mut Guest<'_>,
    file: u32,
    pieces: (u32, u32),
    written: u32,
) -> wasmtime::Result<u32> {
    let level = match file {
        1 => LogLevel::Info,
        2 => LogLevel::Error,
        _ => return Ok(BAD_FILE),
    };
    let bytes = match gather(guest, pieces) {
        Ok(bytes) => bytes,
        Err(error) => return errno(Err(error)),
    };
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    if !bytes.is_empty() {
        let message = String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(&bytes));
        guest.data().record(EventKind::Log { level, message: message.into_owned() });
    }
    errno(write(guest, written, &size.to_le_bytes()))
}

/// Reads what a list of pointers and sizes names. It never takes more than the guest's memory has.
fn gather(guest: &mut Guest<'_>, (list, count): (u32, u32)) -> CallResult<Vec<u8>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let pieces = read(guest, list, count.saturating_mul(8))?;
    let (pieces, _) = pieces.as_chunks::<4>();
    let mut bytes = Vec::new();
    for piece in pieces.chunks_exact(2) {
        let [pointer, size] = piece else { continue };
        let (pointer, size) = (u32::from_le_bytes(*pointer), u32::from_le_bytes(*size));
        // A piece of nothing may be anywhere.
        if size > 0 {
            bytes.extend(read(guest, pointer, size)?);
        }
        if bytes.len() > guest.data().memory.map_or(0, |memory| memory.data_size(&*guest)) {
            return Err(Status::InvalidMemoryAccess.into());
        }
    }
    Ok(bytes)
}

fn link_paths(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "path_open",
        |_: u32, _: u32, _: u32, _: u32, _: u32, _: u64, _: u64, _: u32, _: u32| NO_ENTRY,
    )?;
    for name in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
        linker.func_wrap(module, name, |_: u32, _: u32, _: u32| NOT_SUPPORTED)?;
    }
    linker.func_wrap(module, "path_filestat_get", |_: u32, _: u32, _: u32, _: u32, _: u32| {
        NOT_SUPPORTED
    })?;
    linker.func_wrap(
        module,
        "path_filestat_set_times",
        |_: u32, _: u32, _: u32, _: u32, _: u64, _: u64, _: u32| NOT_SUPPORTED,
    )?;
    linker.func_wrap(module, "path_rename", |_: u32, _: u32, _: u32, _: u32, _: u32, _: u32| {
        NOT_SUPPORTED
    })?;
    linker.func_wrap(
        module,
        "path_readlink",
        |mut guest: Guest<'_>, _: u32, _: u32, _: u32, _: u32, _: u32, used: u32| {
            nothing_at(&mut guest, used, NOT_SUPPORTED)
        },
    )?;
    Ok(())
}

/// There are no sockets.
fn link_sockets(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "sock_accept",
        |mut guest: Guest<'_>, _: u32, _: u32, file: u32| {
            nothing_at(&mut guest, file, NOT_SUPPORTED)
        },
    )?;
    linker.func_wrap(
        module,
        "sock_recv",
        |mut guest: Guest<'_>, _: u32, _: u32, _: u32, _: u32, size: u32, _: u32| {
            nothing_at(&mut guest, size, NOT_SUPPORTED)
        },
    )?;
    linker.func_wrap(
        module,
        "sock_send",
        |mut guest: Guest<'_>, _: u32, _: u32, _: u32, _: u32, size: u32| {
            nothing_at(&mut guest, size, NOT_SUPPORTED)
        },
    )?;
    linker.func_wrap(module, "sock_shutdown", |_: u32, _: u32| NOT_SUPPORTED)?;
    Ok(())
}
