//! A compiled plugin, checked against what the host offers; VMs are made from it.

use std::{thread, time::Duration};

use wasmtime::{Config, Engine, ExternType, Instance, InstancePre, Linker, Module, Store, ValType};
#[cfg(feature = "mesh")]
use wasmtime::{InstanceAllocationStrategy, PoolingAllocationConfig};

use super::{callback::Callback, state::VmState};
use crate::{abi::AbiVersion, capability, limits::MAX_MODULE_BYTES};

/// The functions by which a plugin gives some of its memory: the first that it exports is called.
pub(super) const ALLOCATORS: [&str; 2] = ["malloc", "proxy_on_memory_allocate"];

/// Why a module is not a plugin for this host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// More than [`MAX_MODULE_BYTES`].
    #[error("a module of {0} bytes is larger than {MAX_MODULE_BYTES}")]
    TooLarge(usize),
    /// Not WebAssembly, or not valid.
    #[error("not a valid WebAssembly module: {0}")]
    Invalid(String),
    /// The module needs functions that this host does not have.
    #[error("the plugin imports what this host does not have: {}", .0.join(", "))]
    Imports(Vec<String>),
    /// The module lacks what every plugin must have.
    #[error("the plugin exports no {0}")]
    Export(&'static str),
    /// A callback or the allocator has parameters or results that are not those of the ABI.
    #[error("the plugin exports {0} with another signature than that of its ABI version")]
    Signature(&'static str),
    /// The host functions could not be set up.
    #[error("the host functions cannot be set up: {0}")]
    Host(String),
}

impl PluginError {
    // The whole chain in words: what makes the code run is no part of the interface.
    fn invalid(error: wasmtime::Error) -> Self {
        Self::Invalid(format!("{error:#}"))
    }

    fn host(error: wasmtime::Error) -> Self {
        Self::Host(format!("{error:#}"))
    }
}

/// A plugin, compiled and linked once, and cheap to clone; all its VMs share the code.
#[derive(Clone)]
pub struct Plugin {
    linked: InstancePre<VmState>,
    abi: AbiVersion,
}

impl Plugin {
    /// Compiles a module, from its binary or its text form.
    pub fn load(bytes: &[u8]) -> Result<Self, PluginError> {
        Self::load_with(bytes, Config::new())
    }

    /// Compiles a module for up to `vms` VMs at a time, whose memories and tables lie in a pool;
    /// each can have `memory_bytes`. A new VM starts from a copy-on-write image of the module's
    /// data, so that it costs the pages that it writes to, and no others.
    #[cfg(feature = "mesh")]
    pub fn load_pooled(bytes: &[u8], vms: u32, memory_bytes: usize) -> Result<Self, PluginError> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_core_instances(vms).total_memories(vms).total_tables(vms);
        pool.max_memory_size(memory_bytes);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        config.memory_init_cow(true);
        Self::load_with(bytes, config)
    }

    fn load_with(bytes: &[u8], mut config: Config) -> Result<Self, PluginError> {
        if bytes.len() > MAX_MODULE_BYTES {
            return Err(PluginError::TooLarge(bytes.len()));
        }
        // Fuel, not a timer, ends endless loops: a run must replay exactly.
        config.consume_fuel(true);
        // The last resort against what fuel does not count.
        config.epoch_interruption(true);
        config.wasm_multi_memory(false);
        config.wasm_memory64(false);
        let engine = Engine::new(&config).map_err(PluginError::host)?;
        watch(&engine)?;
        let module = Module::new(&engine, bytes).map_err(PluginError::invalid)?;
        let abi = check_exports(&module)?;
        let linker = linker(&engine, abi).map_err(PluginError::host)?;
        check_imports(&module, &linker)?;
        let linked = linker.instantiate_pre(&module).map_err(PluginError::invalid)?;
        Ok(Self { linked, abi })
    }

    /// Which version of the ABI the plugin speaks.
    #[must_use]
    pub fn abi(&self) -> AbiVersion {
        self.abi
    }

    /// Whether the plugin exports a function of this name, such as the callback
    /// `proxy_on_request_headers`.
    #[must_use]
    pub fn exports(&self, name: &str) -> bool {
        matches!(self.linked.module().get_export(name), Some(ExternType::Func(_)))
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.linked.module().engine()
    }

    pub(crate) fn instantiate(&self, store: &mut Store<VmState>) -> wasmtime::Result<Instance> {
        self.linked.instantiate(store)
    }
}

/// Counts the seconds of an engine until it is gone.
fn watch(engine: &Engine) -> Result<(), PluginError> {
    let engine = engine.weak();
    let count = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(Duration::from_secs(1));
        }
    };
    let watch = thread::Builder::new().name("host-sim watch".to_owned()).spawn(count);
    watch.map(drop).map_err(|error| PluginError::Host(error.to_string()))
}

fn linker(engine: &Engine, abi: AbiVersion) -> wasmtime::Result<Linker<VmState>> {
    let mut linker = Linker::new(engine);
    capability::link(&mut linker, abi)?;
    Ok(linker)
}

/// Checks what every plugin must export; gives the version of the ABI that it names.
fn check_exports(module: &Module) -> Result<AbiVersion, PluginError> {
    let is_function = |name| matches!(module.get_export(name), Some(ExternType::Func(_)));
    if !matches!(module.get_export("memory"), Some(ExternType::Memory(_))) {
        return Err(PluginError::Export("memory"));
    }
    check_allocator(module)?;
    let named = AbiVersion::ALL.into_iter().find(|abi| is_function(abi.export()));
    let abi = named.ok_or(PluginError::Export(
        "proxy_abi_version_0_2_1, proxy_abi_version_0_2_0 or proxy_abi_version_0_1_0",
    ))?;
    for callback in Callback::ALL {
        if let Some(ExternType::Func(function)) = module.get_export(callback.name())
            && !callback.accepts(abi, &function)
        {
            return Err(PluginError::Signature(callback.name()));
        }
    }
    Ok(abi)
}

/// The first allocator that there is must take a size and give an address.
fn check_allocator(module: &Module) -> Result<(), PluginError> {
    let found = ALLOCATORS.into_iter().find_map(|name| match module.get_export(name) {
        Some(ExternType::Func(function)) => Some((name, function)),
        _ => None,
    });
    let (name, function) =
        found.ok_or(PluginError::Export("malloc or proxy_on_memory_allocate"))?;
    let is_word = |types: &[ValType]| matches!(types, [ValType::I32]);
    let params: Vec<ValType> = function.params().collect();
    let results: Vec<ValType> = function.results().collect();
    match is_word(&params) && is_word(&results) {
        true => Ok(()),
        false => Err(PluginError::Signature(name)),
    }
}

fn check_imports(module: &Module, linker: &Linker<VmState>) -> Result<(), PluginError> {
    // Tells apart a missing function from one with another type, which linking reports.
    let known: Vec<(String, String)> = {
        let mut store = Store::new(module.engine(), VmState::detached());
        let names = linker.iter(&mut store);
        names.map(|(module, name, _)| (module.to_owned(), name.to_owned())).collect()
    };
    let unknown: Vec<String> = module
        .imports()
        .map(|import| (import.module().to_owned(), import.name().to_owned()))
        .filter(|import| !known.contains(import))
        .map(|(module, name)| format!("{module}.{name}"))
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(PluginError::Imports(unknown)) }
}
