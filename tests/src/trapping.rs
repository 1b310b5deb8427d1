//! A copy of the filter whose VM traps on demand: the filter that ships does not.
//!
//! It has one callback more, which the filter does not export, and which executes `unreachable`
//! when a response has very many headers. All else is the filter, byte for byte.

use std::fs;
use std::path::{Path, PathBuf};

use crate::programs;

/// A response with more headers than this traps the VM. Envoy itself takes up to 100.
pub const MAX_HEADERS: u8 = 40;

/// `(i32, i32, i32) -> i32`
const TYPE: [u8; 7] = [0x60, 3, I32, I32, I32, 1, I32];
const I32: u8 = 0x7f;

const NAME: &str = "proxy_on_response_headers";

/// `if the second argument > MAX_HEADERS, unreachable; else 0`, without locals.
const BODY: [u8; 12] = [0, 0x20, 1, 0x41, MAX_HEADERS, 0x4b, 0x04, 0x40, 0x00, 0x0b, 0x41, 0];
const END: u8 = 0x0b;

// One byte of a signed LEB128 number.
const _: () = assert!(MAX_HEADERS < 64);

/// Sections of a module that get an entry, by the numbers that WebAssembly gives them.
const TYPES: u8 = 1;
const IMPORTS: u8 = 2;
const FUNCTIONS: u8 = 3;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;

/// Writes the copy into `directory`, and returns where it is.
pub fn filter(directory: &Path) -> PathBuf {
    let module = fs::read(programs::filter()).expect("the filter can be read");
    let path = directory.join("trapping_filter.wasm");
    fs::write(&path, trapping(&module)).expect("a file can be written");
    path
}

fn trapping(module: &[u8]) -> Vec<u8> {
    assert!(!module.windows(NAME.len()).any(|window| window == NAME.as_bytes()), "it has {NAME}");
    let (mut out, mut rest) = (module[..8].to_vec(), &module[8..]);
    // All that the filter imports are functions, which come first in the count.
    let (mut types, mut functions) = (0, 0);
    while let Some((id, tail)) = rest.split_first() {
        let (size, tail) = read(tail);
        let (content, tail) = tail.split_at(size);
        rest = tail;
        let mut entry = Vec::new();
        match *id {
            TYPES => {
                types = read(content).0;
                entry.extend(TYPE);
            }
            IMPORTS => functions += read(content).0,
            FUNCTIONS => {
                functions += read(content).0;
                write(types, &mut entry);
            }
            EXPORTS => {
                write(NAME.len(), &mut entry);
                entry.extend(NAME.as_bytes());
                entry.push(0);
                write(functions, &mut entry);
            }
            CODE => {
                write(BODY.len() + 1, &mut entry);
                entry.extend(BODY);
                entry.push(END);
            }
            _ => {}
        }
        let content = if entry.is_empty() { content.to_vec() } else { with(content, &entry) };
        out.push(*id);
        write(content.len(), &mut out);
        out.extend(content);
    }
    out
}

/// A section's content with one entry more.
fn with(content: &[u8], entry: &[u8]) -> Vec<u8> {
    let (count, entries) = read(content);
    let mut out = Vec::new();
    write(count + 1, &mut out);
    out.extend(entries);
    out.extend(entry);
    out
}

/// An unsigned LEB128 number, and what follows it.
fn read(bytes: &[u8]) -> (usize, &[u8]) {
    let length = 1 + bytes.iter().take_while(|byte| **byte >= 0x80).count();
    let (number, rest) = bytes.split_at(length);
    let value = number.iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
    (value, rest)
}

fn write(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
