//! One VM: an instance of the plugin and its host functions, called one callback at a time. Which
//! callback comes when is left to `host`.

pub(crate) mod callback;
pub(crate) mod growth;
pub(crate) mod guest;
pub mod meter;
pub mod plugin;
pub(crate) mod state;

use wasmtime::{AsContextMut, FrameInfo, Instance, Store, Trap, WasmBacktrace};

use crate::{
    capability::wasi::Exit,
    limits::{MAX_NAME_CHARS, MAX_STACK_FRAMES},
    timeline::EventKind,
    vm::state::VmState,
};
use callback::{Callback, Callbacks};
use plugin::{ALLOCATORS, Plugin};

/// Why a VM does not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plugin failed in {callback}: {reason}")]
#[non_exhaustive]
pub struct VmFailure {
    /// In which callback.
    pub callback: String,
    /// What happened, as wasmtime says it.
    pub reason: String,
    /// In which functions of the plugin, the innermost first; one whose name the module does not
    /// have is told by its number.
    pub stack: Vec<String>,
}

impl VmFailure {
    /// A failure that did not come about in a function of the plugin.
    pub(crate) fn new(callback: &str, reason: impl Into<String>) -> Self {
        Self { callback: callback.to_owned(), reason: reason.into(), stack: Vec::new() }
    }

    /// What the timeline says of it.
    pub(crate) fn event(&self) -> EventKind {
        let Self { callback, reason, stack } = self.clone();
        EventKind::Trap { callback, reason, stack }
    }
}

/// A running instance. After a failure it takes no more callbacks, as in Envoy.
pub(crate) struct Vm {
    store: Store<VmState>,
    callbacks: Callbacks,
    failure: Option<VmFailure>,
}

impl Vm {
    /// Instantiates and initialises the plugin: `_initialize` then `main`, else `_start`, else the
    /// constructors (cpp-host, `startVm`).
    pub(crate) fn start(plugin: &Plugin, state: VmState) -> Result<Self, VmFailure> {
        let mut store = Store::new(plugin.engine(), state);
        store.limiter(|state| &mut state.growth);
        store.data_mut().abi = plugin.abi();
        let start = |error: wasmtime::Error| failure("instantiation", &error);
        refuel(&mut store).map_err(start)?;
        let instance = plugin.instantiate(&mut store).map_err(start)?;
        bind(&mut store, &instance).map_err(start)?;
        let callbacks = Callbacks::find(&mut store, &instance);
        let mut vm = Self { store, callbacks, failure: None };
        vm.initialize()?;
        Ok(vm)
    }

    fn initialize(&mut self) -> Result<(), VmFailure> {
        if self.callbacks.has(Callback::Initialize) {
            self.call(Callback::Initialize, 0, &[])?;
            self.call(Callback::Main, 0, &[0, 0])?;
        } else if self.callbacks.has(Callback::Start) {
            self.call(Callback::Start, 0, &[])?;
        } else {
            self.call(Callback::Constructors, 0, &[])?;
        }
        Ok(())
    }

    pub(crate) fn state(&mut self) -> &mut VmState {
        self.store.data_mut()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Runs a callback with `context` as the effective context. Gives its result, or `None` when
    /// the plugin does not export it or gives none. A failure is recorded in the timeline once.
    pub(crate) fn call(
        &mut self,
        callback: Callback,
        context: u32,
        args: &[u32],
    ) -> Result<Option<u32>, VmFailure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let state = self.store.data_mut();
        state.current = context;
        state.effective = context;
        state.stop_iteration = false;
        if !self.callbacks.has(callback) {
            return Ok(None);
        }
        if self.store.data().process.kept_bytes() > self.store.data().kept_bytes {
            let reason = format!(
                "the host keeps more than {} bytes of what the plugin does: its log, calls, shared \
                 data, queue items, metrics",
                self.store.data().kept_bytes
            );
            return Err(self.fail(VmFailure::new(callback.name(), reason)));
        }
        let callbacks = &self.store.data().process.callbacks;
        callbacks.set(callbacks.get() + 1);
        let before = meter::before(&self.store);
        let result = refuel(&mut self.store)
            .and_then(|()| self.callbacks.call(&mut self.store, callback, args));
        meter::after(&self.store, callback.name(), before);
        let state = self.store.data();
        let left = self.store.get_fuel().unwrap_or_default();
        state.process.use_fuel(state.callback_fuel.saturating_sub(left));
        result.map_err(|error| self.fail(failure(callback.name(), &error)))
    }

    pub(crate) fn fail(&mut self, failure: VmFailure) -> VmFailure {
        let state = self.store.data();
        state.process.record(Some(state.thread), failure.event());
        self.failure = Some(failure.clone());
        failure
    }
}

/// Finds the memory, and the function by which the guest gives some of it.
fn bind(store: &mut Store<VmState>, instance: &Instance) -> wasmtime::Result<()> {
    let memory = instance.get_memory(store.as_context_mut(), "memory");
    let found =
        ALLOCATORS.into_iter().find_map(|name| instance.get_func(store.as_context_mut(), name));
    // Loading has checked its type.
    let allocate = found.map(|function| function.typed(&*store)).transpose()?;
    let state = store.data_mut();
    state.memory = memory;
    state.allocate = allocate;
    Ok(())
}

fn refuel(store: &mut Store<VmState>) -> wasmtime::Result<()> {
    let (fuel, seconds) = (store.data().callback_fuel, store.data().callback_seconds);
    store.set_epoch_deadline(seconds);
    store.data_mut().growth.begin();
    store.set_fuel(fuel)
}

fn failure(callback: &str, error: &wasmtime::Error) -> VmFailure {
    let reason = match (error.downcast_ref::<Trap>(), error.downcast_ref::<Exit>()) {
        (Some(Trap::OutOfFuel | Trap::Interrupt), _) => "it ran for too long".to_owned(),
        (Some(trap), _) => trap.to_string(),
        (None, Some(exit)) => exit.to_string(),
        (None, None) => format!("{error:#}"),
    };
    VmFailure { stack: stack(error), ..VmFailure::new(callback, reason) }
}

/// The functions in which a plugin failed.
fn stack(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let name = |frame: &FrameInfo| match frame.func_name() {
        Some(name) => name.chars().take(MAX_NAME_CHARS).collect(),
        None => format!("function {}", frame.func_index()),
    };
    backtrace.frames().iter().take(MAX_STACK_FRAMES).map(name).collect()
}
