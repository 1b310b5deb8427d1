//! What the host functions of one VM work on: its contexts, what the running callback may see,
//! and the outbox with what the host does once that callback has returned.

use std::{collections::BTreeMap, rc::Rc};

use wasmtime::{Memory, StoreLimits, StoreLimitsBuilder, TypedFunc};

use crate::{
    callouts::{PendingCall, reply::CallResponse},
    limits::{CALLBACK_FUEL, MAX_VM_MEMORY_BYTES},
    process::Process,
    properties::Properties,
    stream::Stream,
    timeline::{EventKind, Thread},
};

/// What every VM of a host is given.
#[derive(Clone)]
pub(crate) struct VmSettings {
    pub(crate) vm_id: String,
    pub(crate) vm_configuration: Rc<[u8]>,
    pub(crate) plugin_configuration: Rc<[u8]>,
    /// `xds.node` and the names of the plugin: what the root can read.
    pub(crate) base_properties: Rc<Properties>,
    pub(crate) callback_fuel: u64,
    pub(crate) memory_bytes: usize,
}

/// A context of the guest.
pub(crate) enum Context {
    Root,
    Stream(Box<Stream>),
}

/// What a callback asked for; done after it has returned, as a guest must not be re-entered.
#[derive(Default)]
pub(crate) struct Outbox {
    /// A new tick period of the root, in milliseconds; 0 stops the ticks.
    pub(crate) tick_period_ms: Option<u32>,
    pub(crate) calls: Vec<PendingCall>,
    /// Queues that got an item.
    pub(crate) queues_ready: Vec<u32>,
    /// The root called `proxy_done`.
    pub(crate) done: bool,
}

/// The data of a VM's store.
pub(crate) struct VmState {
    pub(crate) process: Rc<Process>,
    pub(crate) thread: Thread,
    pub(crate) vm_id: String,
    pub(crate) vm_configuration: Rc<[u8]>,
    /// There during `on_configure` only.
    pub(crate) plugin_configuration: Option<Rc<[u8]>>,
    pub(crate) base_properties: Rc<Properties>,
    pub(crate) contexts: BTreeMap<u32, Context>,
    /// The context that the host functions mean.
    pub(crate) effective: u32,
    /// What an access logger shows the root, there while its `on_log` runs.
    pub(crate) log_entry: Option<Box<Stream>>,
    /// There while the callback of a call runs.
    pub(crate) call_response: Option<CallResponse>,
    pub(crate) outbox: Outbox,
    pub(crate) next_call_token: u32,
    /// This VM's metrics: the name behind each id.
    pub(crate) metric_names: BTreeMap<u32, String>,
    pub(crate) next_metric: u32,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    pub(crate) limits: StoreLimits,
    pub(crate) callback_fuel: u64,
}

impl VmState {
    pub(crate) fn new(process: Rc<Process>, thread: Thread, settings: &VmSettings) -> Self {
        Self {
            process,
            thread,
            vm_id: settings.vm_id.clone(),
            vm_configuration: Rc::clone(&settings.vm_configuration),
            plugin_configuration: None,
            base_properties: Rc::clone(&settings.base_properties),
            contexts: BTreeMap::new(),
            effective: 0,
            log_entry: None,
            call_response: None,
            outbox: Outbox::default(),
            next_call_token: 0,
            metric_names: BTreeMap::new(),
            next_metric: 0,
            memory: None,
            allocate: None,
            limits: StoreLimitsBuilder::new().memory_size(settings.memory_bytes).build(),
            callback_fuel: settings.callback_fuel,
        }
    }

    /// A state without a host, enough to list what can be imported.
    pub(crate) fn detached() -> Self {
        let settings = VmSettings {
            vm_id: String::new(),
            vm_configuration: Rc::from([]),
            plugin_configuration: Rc::from([]),
            base_properties: Rc::default(),
            callback_fuel: CALLBACK_FUEL,
            memory_bytes: MAX_VM_MEMORY_BYTES,
        };
        Self::new(Rc::default(), Thread::Main, &settings)
    }

    /// The stream that the effective context can read: its own, or what an access logger shows
    /// the root.
    pub(crate) fn stream(&self) -> Option<&Stream> {
        match self.contexts.get(&self.effective)? {
            Context::Stream(stream) => Some(stream),
            Context::Root => self.log_entry.as_deref(),
        }
    }

    /// The stream of a context, to be changed.
    pub(crate) fn stream_mut(&mut self, context: u32) -> Option<&mut Stream> {
        match self.contexts.get_mut(&context)? {
            Context::Stream(stream) => Some(stream),
            Context::Root => None,
        }
    }

    pub(crate) fn record(&self, kind: EventKind) {
        self.process.record(Some(self.thread), kind);
    }
}
