//! A compiled plugin, checked against what the host offers; VMs are made from it.

use wasmtime::{Config, Engine, ExternType, Linker, Module};

use crate::{capability, vm::state::VmState};

/// The version of the ABI that is served, by the name that a plugin exports for it.
const ABI_EXPORT: &str = "proxy_abi_version_0_2_1";

/// Why a module is not a plugin for this host.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// Not WebAssembly, or not valid.
    #[error("not a valid WebAssembly module: {0:#}")]
    Invalid(wasmtime::Error),
    /// The module needs functions that this host does not have.
    #[error("the plugin imports what this host does not have: {}", .0.join(", "))]
    Imports(Vec<String>),
    /// The module lacks what every plugin must have.
    #[error("the plugin exports no {0}")]
    Export(&'static str),
    /// The host functions could not be set up.
    #[error("the host functions cannot be set up: {0:#}")]
    Host(wasmtime::Error),
}

/// A plugin, compiled once and cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    engine: Engine,
    module: Module,
}

impl Plugin {
    /// Compiles a module, from its binary or its text form.
    pub fn load(bytes: &[u8]) -> Result<Self, PluginError> {
        let mut config = Config::new();
        // Fuel, not a timer, ends endless loops: a run must replay exactly.
        config.consume_fuel(true);
        let engine = Engine::new(&config).map_err(PluginError::Host)?;
        let module = Module::new(&engine, bytes).map_err(PluginError::Invalid)?;
        let plugin = Self { engine, module };
        plugin.check_exports()?;
        plugin.check_imports()?;
        Ok(plugin)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn module(&self) -> &Module {
        &self.module
    }

    pub(crate) fn linker(&self) -> wasmtime::Result<Linker<VmState>> {
        let mut linker = Linker::new(&self.engine);
        capability::link(&mut linker)?;
        Ok(linker)
    }

    fn check_exports(&self) -> Result<(), PluginError> {
        let is_function = |name| matches!(self.module.get_export(name), Some(ExternType::Func(_)));
        if !matches!(self.module.get_export("memory"), Some(ExternType::Memory(_))) {
            return Err(PluginError::Export("memory"));
        }
        if !is_function("malloc") && !is_function("proxy_on_memory_allocate") {
            return Err(PluginError::Export("malloc or proxy_on_memory_allocate"));
        }
        if !is_function(ABI_EXPORT) {
            return Err(PluginError::Export(ABI_EXPORT));
        }
        Ok(())
    }

    fn check_imports(&self) -> Result<(), PluginError> {
        let linker = self.linker().map_err(PluginError::Host)?;
        // Tells apart a missing function from one with another type, which instantiation reports.
        let known: Vec<(String, String)> = {
            let mut store = wasmtime::Store::new(&self.engine, VmState::detached());
            let names = linker.iter(&mut store);
            names.map(|(module, name, _)| (module.to_owned(), name.to_owned())).collect()
        };
        let unknown: Vec<String> = self
            .module
            .imports()
            .map(|import| (import.module().to_owned(), import.name().to_owned()))
            .filter(|import| !known.contains(import))
            .map(|(module, name)| format!("{module}.{name}"))
            .collect();
        if !unknown.is_empty() {
            return Err(PluginError::Imports(unknown));
        }
        linker.instantiate_pre(&self.module).map(drop).map_err(PluginError::Invalid)
    }
}
