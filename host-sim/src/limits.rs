//! Every bound of the simulator, with the reason for it.

/// Serialised pairs larger than this are refused (cpp-host, `MAX_PAIRS_SIZE`).
pub const MAX_PAIRS_BYTES: usize = 1024 * 1024;

/// More pairs than this are refused (cpp-host, `MAX_PAIRS_COUNT`).
pub const MAX_PAIRS: usize = 1024;

/// Envoy caps the memory of a VM at 1 GiB.
pub const MAX_VM_MEMORY_BYTES: usize = 1 << 30;

/// Fuel for one callback, about a second of work: ample for any filter, and an endless loop ends.
pub const CALLBACK_FUEL: u64 = 2_000_000_000;

/// What a host function costs in fuel: so much for itself, and so much for each byte that it takes
/// from the guest or gives to it. It bounds what the host holds for one callback, too: four million
/// host calls, or some hundred MiB.
pub const HOST_CALL_FUEL: u64 = 500;
/// See [`HOST_CALL_FUEL`].
pub const HOST_BYTE_FUEL: u64 = 16;

/// Real seconds after which a callback is ended that fuel does not end: filling all the memory is
/// one instruction to the counter, and can be done over and over.
pub const CALLBACK_SECONDS: u64 = 60;

/// What a host keeps for its guests at most, in bytes: the timeline with their log, calls, shared
/// data, queues, metrics, and what they add to streams that are open. Real memory is up to about
/// twice as much. A guest that goes on above it has failed, and takes no more callbacks.
pub const MAX_KEPT_BYTES: u64 = 2 << 30;

/// How often a callback may ask for more memory or larger tables; the host takes some hundred times
/// as long for it as for another instruction.
pub const MAX_GROWTHS: u32 = 100_000;

/// The most elements of all tables of a VM; those of real plugins have some thousand.
pub const MAX_TABLE_ELEMENTS: usize = 1_000_000;

/// How many functions are told of a plugin that failed, and how much of the name of each.
pub const MAX_STACK_FRAMES: usize = 12;
/// See [`MAX_STACK_FRAMES`].
pub const MAX_NAME_CHARS: usize = 200;

/// The largest module, as binary or as text.
pub const MAX_MODULE_BYTES: usize = 64 * 1024 * 1024;

/// The largest chunk of a body or of a connection. A real Envoy reads far less at a time; the
/// bound keeps a slip in a scenario from taking all the memory.
pub const MAX_CHUNK_BYTES: u64 = 64 * 1024 * 1024;

/// The response of a callout is cut off, as a reset, above this (Envoy buffers no more either).
pub const MAX_CALL_RESPONSE_BYTES: u64 = 64 * 1024 * 1024;

/// Wall-clock seconds to wait for a real server before the guest sees a 504.
pub const UPSTREAM_WAIT_S: u64 = 30;

/// The fewest nanoseconds between two starts of a failed VM under `fail_reload`.
pub const RELOAD_BACKOFF_NS: u64 = 1_000_000_000;

/// The most worker threads of one host.
pub const MAX_WORKERS: usize = 256;

/// How much of the data of a direction is kept for `exchange`: enough for a test to look at, and a
/// connection that stays open for days does not fill the memory.
pub const KEPT_BODY_BYTES: usize = 1024 * 1024;

/// The most plugins in one VM.
pub const MAX_PLUGINS: usize = 64;

/// The most bytes that a guest is given by one `random_get` (cpp-host, 64 KiB).
pub const MAX_RANDOM_BYTES: u32 = 64 * 1024;

/// What `uncompress` gives at most, so that a small lump does not become all the memory.
pub const MAX_UNCOMPRESSED_BYTES: usize = 64 * 1024 * 1024;

/// Callbacks that one instant may cause; above it, guests are answering each other for ever.
pub const MAX_CALLBACKS_PER_INSTANT: u32 = 100_000;

/// The fuel that these may use together, as a few of them can take very long.
pub const MAX_FUEL_PER_INSTANT: u64 = 20_000_000_000;

/// Steps of a scenario when repetitions whose rounds differ are written out.
pub const MAX_WRITTEN_OUT_STEPS: u64 = 100_000;

/// The most sidecars of a mesh: each VM takes 4 GiB of address space, so that no access needs a
/// check, and a process has 128 TiB.
pub const MAX_MESH_SIDECARS: u32 = 30_000;

/// VMs beside those of the sidecars.
pub const MESH_SPARE_VMS: u32 = 16;

/// The most apps of a mesh, and the most networks.
pub const MAX_MESH_APPS: u32 = 10_000;

/// The most threads of a mesh that run sidecars, and the most connections.
pub const MAX_MESH_THREADS: usize = 256;

/// What a VM of a mesh may take, in bytes, unless said otherwise.
pub const MESH_VM_MEMORY_BYTES: usize = 4 * 1024 * 1024;

/// How long to wait, in milliseconds of real time, before what a sidecar has left behind is sent
/// again to a server that did not take it, and before such a server is read again.
pub const MESH_RESEND_WAIT_MS: u64 = 200;

/// So much real time of a mesh's pushes is made up for when they are late, in milliseconds.
pub const MESH_CATCH_UP_MS: u64 = 100;

// The pairs of a callout must fit into the memory of the guest that receives them.
const _: () = assert!(MAX_PAIRS_BYTES < MAX_VM_MEMORY_BYTES);
const _: () = assert!(MAX_CALL_RESPONSE_BYTES < MAX_VM_MEMORY_BYTES as u64);
const _: () = assert!((MAX_MESH_SIDECARS + MESH_SPARE_VMS) as u64 * (4 << 30) < 128 << 40);
const _: () = assert!(MESH_VM_MEMORY_BYTES <= MAX_VM_MEMORY_BYTES);
// A page at a time, all the memory can be had.
const _: () = assert!(MAX_VM_MEMORY_BYTES / 65_536 < MAX_GROWTHS as usize);
const _: () = assert!(CALLBACK_FUEL < MAX_FUEL_PER_INSTANT);
