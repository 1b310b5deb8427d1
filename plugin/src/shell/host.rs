//! What the filter asks of the host. An error of the host is an absence, never a failure.

use std::time::UNIX_EPOCH;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, Status};

use crate::identity::Attributes;
use crate::limits::MAX_DRAWS;
use crate::observe::Data;

/// The key under which VMs draw numbers.
const DRAW_KEY: &str = "flow_filter.instances";

/// The attributes of the stream, or the root, whose callback is running.
pub(super) struct Host;

impl Attributes for Host {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        hostcalls::get_property(path.to_vec()).ok().flatten()
    }

    fn request_header(&self, name: &str) -> Option<Vec<u8>> {
        hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, name).ok().flatten()
    }
}

impl Data for Host {
    fn read(&self, start: u64, size: u64) -> Vec<u8> {
        let (Ok(start), Ok(size)) = (usize::try_from(start), usize::try_from(size)) else {
            return Vec::new();
        };
        let bytes = hostcalls::get_buffer(BufferType::DownstreamData, start, size);
        bytes.ok().flatten().unwrap_or_default()
    }
}

/// The wall time, in nanoseconds since the Unix epoch; 0 if the host does not tell.
pub(super) fn now_ns() -> u64 {
    hostcalls::get_current_time()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
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
        let version = match hostcalls::get_shared_data(DRAW_KEY) {
            Ok((_, Some(version))) => version,
            Ok((_, None)) => match hostcalls::set_shared_data(DRAW_KEY, Some(b"1"), None) {
                Ok(()) | Err(Status::CasMismatch) => continue,
                Err(_) => break,
            },
            Err(_) => break,
        };
        if hostcalls::set_shared_data(DRAW_KEY, Some(b"1"), Some(version)).is_ok() {
            return version;
        }
    }
    log::warn!("flow_filter: no number could be drawn; the instance's id rests on its times");
    0
}
