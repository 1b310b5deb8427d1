//! One VM: an instance of the plugin and its host functions, called one callback at a time. Which
//! callback comes when is left to `host`.

pub(crate) mod guest;
pub mod plugin;
pub(crate) mod state;

use std::collections::HashMap;

use wasmtime::{AsContextMut, Func, Instance, Store, Trap, Val};

use crate::{timeline::EventKind, vm::state::VmState};
use plugin::Plugin;

/// Why a VM does not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plugin failed in {callback}: {reason}")]
pub struct VmFailure {
    /// In which callback.
    pub callback: String,
    /// What happened, as wasmtime says it.
    pub reason: String,
}

/// A running instance. After a failure it takes no more callbacks, as in Envoy.
pub(crate) struct Vm {
    store: Store<VmState>,
    exports: HashMap<String, Func>,
    failure: Option<VmFailure>,
}

impl Vm {
    /// Instantiates and initialises the plugin: `_initialize` then `main`, else `_start`.
    pub(crate) fn start(plugin: &Plugin, state: VmState) -> Result<Self, VmFailure> {
        let mut store = Store::new(plugin.engine(), state);
        store.limiter(|state| &mut state.limits);
        let start = |error: wasmtime::Error| failure("instantiation", &error);
        refuel(&mut store).map_err(start)?;
        let linker = plugin.linker().map_err(start)?;
        let instance = linker.instantiate(&mut store, plugin.module()).map_err(start)?;
        let exports = bind(&mut store, &instance);
        let mut vm = Self { store, exports, failure: None };
        let first = if vm.exports.contains_key("_initialize") { "_initialize" } else { "_start" };
        vm.call(first, 0, &[])?;
        if first == "_initialize" && vm.exports.contains_key("main") {
            vm.call("main", 0, &[0, 0])?;
        }
        Ok(vm)
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
        callback: &str,
        context: u32,
        args: &[u32],
    ) -> Result<Option<u32>, VmFailure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let Some(function) = self.exports.get(callback).copied() else { return Ok(None) };
        self.store.data_mut().effective = context;
        let result = run(&mut self.store, function, args);
        result.map_err(|error| self.fail(failure(callback, &error)))
    }

    fn fail(&mut self, failure: VmFailure) -> VmFailure {
        let VmFailure { callback, reason } = failure.clone();
        let state = self.store.data();
        state.process.record(Some(state.thread), EventKind::Trap { callback, reason });
        self.failure = Some(failure.clone());
        failure
    }
}

fn bind(store: &mut Store<VmState>, instance: &Instance) -> HashMap<String, Func> {
    let exports: Vec<(String, Func)> = instance
        .exports(store.as_context_mut())
        .filter_map(|export| Some((export.name().to_owned(), export.into_func()?)))
        .collect();
    let memory = instance.get_memory(store.as_context_mut(), "memory");
    let allocate = ["malloc", "proxy_on_memory_allocate"]
        .iter()
        .find_map(|name| instance.get_typed_func(store.as_context_mut(), name).ok());
    let state = store.data_mut();
    state.memory = memory;
    state.allocate = allocate;
    exports.into_iter().collect()
}

fn refuel(store: &mut Store<VmState>) -> wasmtime::Result<()> {
    let fuel = store.data().callback_fuel;
    store.set_fuel(fuel)
}

fn run(store: &mut Store<VmState>, function: Func, args: &[u32]) -> wasmtime::Result<Option<u32>> {
    refuel(store)?;
    let args: Vec<Val> = args.iter().map(|arg| Val::I32(arg.cast_signed())).collect();
    let mut results = vec![Val::I32(0); function.ty(&*store).results().len()];
    function.call(&mut *store, &args, &mut results)?;
    Ok(results.first().and_then(Val::i32).map(i32::cast_unsigned))
}

fn failure(callback: &str, error: &wasmtime::Error) -> VmFailure {
    let reason = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => "it ran for too long".to_owned(),
        Some(trap) => trap.to_string(),
        None => format!("{error:#}"),
    };
    VmFailure { callback: callback.to_owned(), reason }
}
