//! What the host functions of one VM work on: its contexts, what the running callback may see,
//! and the outbox with what the host does once that callback has returned.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use wasmtime::{Memory, TypedFunc};

use crate::{
    abi::{AbiVersion, StreamType},
    callouts::{PendingCall, reply::CallResponse},
    capability::{foreign::ForeignFunctions, grpc::GrpcState, metrics::MetricIds},
    grpc::GrpcAction,
    limits::{CALLBACK_FUEL, CALLBACK_SECONDS, MAX_KEPT_BYTES, MAX_VM_MEMORY_BYTES},
    pairs::Pair,
    process::Process,
    properties::Properties,
    stream::Stream,
    timeline::{EventKind, Thread},
    vm::growth::Growth,
};

/// What a plugin of the VM is given; each has a root context.
#[derive(Clone, Debug)]
pub(crate) struct RootSettings {
    pub(crate) configuration: Rc<[u8]>,
    /// `xds.node` and the names of the plugin: what the root can read.
    pub(crate) properties: Rc<Properties>,
}

/// What every VM of a host is given.
#[derive(Clone)]
pub(crate) struct VmSettings {
    pub(crate) vm_id: String,
    pub(crate) vm_configuration: Rc<[u8]>,
    /// The environment that WASI shows.
    pub(crate) environment: Rc<[(String, String)]>,
    pub(crate) roots: Rc<[RootSettings]>,
    pub(crate) foreign: Rc<ForeignFunctions>,
    /// Where the random numbers of WASI start.
    pub(crate) seed: u64,
    pub(crate) callback_fuel: u64,
    pub(crate) callback_seconds: u64,
    pub(crate) memory_bytes: usize,
    pub(crate) kept_bytes: u64,
}

/// A context of the guest.
pub(crate) enum Context {
    Root,
    Stream(Box<Stream>),
}

/// An answer that the guest gives in place of the server.
#[derive(Debug)]
pub(crate) struct LocalResponse {
    pub(crate) status: u32,
    pub(crate) headers: Vec<Pair>,
    pub(crate) body: Vec<u8>,
    /// For a gRPC request; none unless it is a status of gRPC.
    pub(crate) grpc_status: Option<u32>,
}

/// What the guest does to a stream; done after the callback, in this order.
#[derive(Debug)]
pub(crate) enum StreamAction {
    Resume(StreamType),
    Close,
    Reply(LocalResponse),
}

/// What a callback asked for; done after it has returned, as a guest must not be re-entered.
#[derive(Default)]
pub(crate) struct Outbox {
    /// New tick periods, in milliseconds, by root; 0 stops the ticks.
    pub(crate) tick_periods: Vec<(u32, u32)>,
    pub(crate) calls: Vec<PendingCall>,
    pub(crate) grpc: Vec<GrpcAction>,
    /// Queues that got an item.
    pub(crate) queues_ready: Vec<u32>,
    /// Roots that called `proxy_done`.
    pub(crate) done: Vec<u32>,
    pub(crate) stream_actions: Vec<(u32, StreamAction)>,
}

/// The data of a VM's store.
pub(crate) struct VmState {
    pub(crate) process: Rc<Process>,
    pub(crate) thread: Thread,
    pub(crate) abi: AbiVersion,
    pub(crate) vm_id: String,
    pub(crate) vm_configuration: Rc<[u8]>,
    pub(crate) environment: Rc<[(String, String)]>,
    pub(crate) roots: Rc<[RootSettings]>,
    pub(crate) foreign: Rc<ForeignFunctions>,
    /// There while a root is created and configured only.
    pub(crate) plugin_configuration: Option<Rc<[u8]>>,
    pub(crate) contexts: BTreeMap<u32, Context>,
    /// The context whose callback runs.
    pub(crate) current: u32,
    /// The context that the host functions mean.
    pub(crate) effective: u32,
    /// The guest has closed or answered the stream, so that nothing moves on in this callback.
    pub(crate) stop_iteration: bool,
    /// What an access logger shows a root, there while its `on_log` runs.
    pub(crate) log_entry: Option<Box<Stream>>,
    /// There while the callback of a call runs.
    pub(crate) call_response: Option<CallResponse>,
    pub(crate) grpc: GrpcState,
    /// What `proxy_get_status` tells.
    pub(crate) status: (u32, String),
    /// What `proxy_on_foreign_function` is given, there while it runs.
    pub(crate) call_data: Vec<u8>,
    /// The roots that were asked to end and wanted time.
    pub(crate) pending_done: Vec<u32>,
    pub(crate) outbox: Outbox,
    pub(crate) next_call_token: u32,
    /// The properties that roots have declared.
    pub(crate) declared: BTreeSet<(u32, String)>,
    /// This VM's metrics: the name behind each id.
    pub(crate) metric_ids: MetricIds,
    pub(crate) random: u64,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    /// How often, and for how many bytes, the host has called `allocate`.
    pub(crate) host_allocations: (u64, u64),
    pub(crate) growth: Growth,
    pub(crate) callback_seconds: u64,
    pub(crate) callback_fuel: u64,
    /// What the host keeps at most.
    pub(crate) kept_bytes: u64,
}

impl VmState {
    pub(crate) fn new(process: Rc<Process>, thread: Thread, settings: &VmSettings) -> Self {
        Self {
            random: settings.seed ^ thread.number().wrapping_mul(0x9e37_79b9_7f4a_7c15),
            process,
            thread,
            abi: AbiVersion::V0_2_1,
            vm_id: settings.vm_id.clone(),
            vm_configuration: Rc::clone(&settings.vm_configuration),
            environment: Rc::clone(&settings.environment),
            roots: Rc::clone(&settings.roots),
            foreign: Rc::clone(&settings.foreign),
            plugin_configuration: None,
            contexts: BTreeMap::new(),
            current: 0,
            effective: 0,
            stop_iteration: false,
            log_entry: None,
            call_response: None,
            grpc: GrpcState::default(),
            status: (0, String::new()),
            call_data: Vec::new(),
            pending_done: Vec::new(),
            outbox: Outbox::default(),
            next_call_token: 0,
            declared: BTreeSet::new(),
            metric_ids: MetricIds::default(),
            memory: None,
            allocate: None,
            host_allocations: (0, 0),
            growth: Growth::new(settings.memory_bytes),
            callback_seconds: settings.callback_seconds,
            callback_fuel: settings.callback_fuel,
            kept_bytes: settings.kept_bytes,
        }
    }

    /// A state without a host, enough to list what can be imported.
    pub(crate) fn detached() -> Self {
        let settings = VmSettings {
            vm_id: String::new(),
            vm_configuration: Rc::from([]),
            environment: Rc::from([]),
            roots: Rc::from([]),
            foreign: Rc::default(),
            seed: 0,
            callback_fuel: CALLBACK_FUEL,
            callback_seconds: CALLBACK_SECONDS,
            memory_bytes: MAX_VM_MEMORY_BYTES,
            kept_bytes: MAX_KEPT_BYTES,
        };
        Self::new(Rc::default(), Thread::Main, &settings)
    }

    /// The context that the host functions mean: the effective one, while it exists.
    pub(crate) fn context(&self) -> u32 {
        if self.contexts.contains_key(&self.effective) { self.effective } else { self.current }
    }

    /// The root of the context that the host functions mean.
    pub(crate) fn root(&self) -> u32 {
        let context = self.context();
        match self.contexts.get(&context) {
            Some(Context::Stream(stream)) => stream.root,
            _ => context,
        }
    }

    /// What the root of that context was given.
    pub(crate) fn root_settings(&self) -> Option<&RootSettings> {
        // Roots are numbered from 1, in the order of their settings.
        self.roots.get(usize::try_from(self.root().checked_sub(1)?).ok()?)
    }

    /// The stream that the host functions can read: the context's own, or what an access logger
    /// shows the root.
    pub(crate) fn stream(&self) -> Option<&Stream> {
        match self.contexts.get(&self.context())? {
            Context::Stream(stream) => Some(stream),
            Context::Root => self.log_entry.as_deref(),
        }
    }

    /// The stream of that context, to be changed.
    pub(crate) fn own_stream(&mut self) -> Option<&mut Stream> {
        let context = self.context();
        self.stream_mut(context)
    }

    /// The stream of a context, to be changed.
    pub(crate) fn stream_mut(&mut self, context: u32) -> Option<&mut Stream> {
        match self.contexts.get_mut(&context)? {
            Context::Stream(stream) => Some(stream),
            Context::Root => None,
        }
    }

    /// Says that a real proxy would not have lived through what the guest asks for (measured).
    pub(crate) fn warn_of_crash(&self, what: &str) {
        let text = format!("Envoy 1.40 dies of this: {what}");
        self.record(EventKind::Note { text });
    }

    pub(crate) fn record(&self, kind: EventKind) {
        self.process.record(Some(self.thread), kind);
    }
}
