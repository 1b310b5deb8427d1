//! What the filter asks of the host. An error of the host is an absence, never a failure.

use std::cell::RefCell;

use super::abi::{self, Buffer, Map, Status};
use crate::clock::WallClock;
use crate::identity::Attributes;
use crate::limits::MAX_DRAWS;
use crate::observe::Data;
use crate::register::Slots;

/// The key under which VMs draw numbers.
const DRAW_KEY: &str = "flow_filter.instances";

/// The attributes of the stream, or the root, whose callback is running.
pub(super) struct Host;

impl Attributes for Host {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        thread_local! {
            static PATH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        PATH.with_borrow_mut(|joined| {
            joined.clear();
            for (index, step) in path.iter().enumerate() {
                if index > 0 {
                    joined.push(0);
                }
                joined.extend_from_slice(step.as_bytes());
            }
            abi::property(joined)
        })
    }

    fn request_header(&self, name: &str) -> Option<Vec<u8>> {
        abi::header(Map::RequestHeaders, name)
    }

    fn request_headers_bytes(&self) -> u64 {
        abi::map_bytes(Map::RequestHeaders)
    }
}

impl WallClock for Host {
    fn now_ns(&self) -> u64 {
        abi::now_ns()
    }
}

impl Data for Host {
    fn read(&self, start: u64, size: u64) -> Vec<u8> {
        let (Ok(start), Ok(size)) = (usize::try_from(start), usize::try_from(size)) else {
            return Vec::new();
        };
        abi::buffer(Buffer::DownstreamData, start, size).unwrap_or_default()
    }
}

impl Slots for Host {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        abi::shared(&slot_key(slot))
    }

    fn write(&self, slot: u32, value: &[u8], version: u32) -> bool {
        abi::set_shared(&slot_key(slot), value, version).is_ok()
    }
}

/// With the number of the values' format: filters of two versions may share a `vm_id`.
fn slot_key(slot: u32) -> String {
    format!("flow_filter.register.1.{slot}")
}

/// An attribute of the node as text; empty if it is not there.
pub(super) fn text(path: &[&str]) -> String {
    let value = Host.property(path).unwrap_or_default();
    String::from_utf8_lossy(&value).into_owned()
}

/// Draws a number that no other VM of this process draws.
///
/// Not the value counts but its version, which the host changes with every write and never uses
/// twice: two VMs that find no value both write one, without a version, and the second undoes
/// the first. A write that names a version succeeds for one VM only.
pub(super) fn draw() -> u32 {
    for _ in 0..MAX_DRAWS {
        let Some((_, version)) = abi::shared(DRAW_KEY) else {
            match abi::set_shared(DRAW_KEY, b"1", 0) {
                Ok(()) | Err(Status::CAS_MISMATCH) => continue,
                Err(_) => break,
            }
        };
        if abi::set_shared(DRAW_KEY, b"1", version).is_ok() {
            return version;
        }
    }
    let text = "flow_filter: no number could be drawn; the instance's id rests on its times";
    abi::log(log::Level::Warn, text);
    0
}
