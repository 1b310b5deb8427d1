//! One thread of the proxy: its VM, the root in it, and the root's timer.

use std::rc::Rc;

use super::schedule::{Due, Schedule, Slot, Task};
use crate::{
    process::Process,
    timeline::{EventKind, Thread},
    vm::{
        Vm, VmFailure,
        plugin::Plugin,
        state::{Context, VmSettings, VmState},
    },
};

/// The root's context id; 0 would be the VM itself.
pub(crate) const ROOT: u32 = 1;

/// Why a root did not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// The plugin failed.
    #[error(transparent)]
    Failed(#[from] VmFailure),
    /// The plugin said no.
    #[error("the plugin refused in {0}")]
    Refused(&'static str),
}

pub(crate) struct Worker {
    pub(crate) thread: Thread,
    /// None once the root has come to its end.
    pub(crate) vm: Option<Vm>,
    /// Counts the VMs of this thread, so that nothing reaches the wrong one.
    pub(crate) generation: u32,
    pub(crate) failed_at_ns: Option<u64>,
    /// The period in milliseconds, and the next tick if one is on its way.
    pub(crate) tick: Option<(u32, Option<Slot>)>,
    /// The root called `proxy_done`.
    pub(crate) done: bool,
    /// The root was asked to end.
    pub(crate) draining: bool,
    last_context: u32,
}

impl Worker {
    /// Starts a VM, and in it a root with its configuration.
    pub(crate) fn start(
        plugin: &Plugin,
        process: &Rc<Process>,
        thread: Thread,
        settings: &VmSettings,
    ) -> Result<Self, RootError> {
        let vm = start_root(plugin, process, thread, settings)?;
        Ok(Self {
            thread,
            vm: Some(vm),
            generation: 0,
            failed_at_ns: None,
            tick: None,
            done: false,
            draining: false,
            last_context: ROOT,
        })
    }

    /// Replaces a failed VM by a new one.
    pub(crate) fn restart(
        &mut self,
        plugin: &Plugin,
        process: &Rc<Process>,
        settings: &VmSettings,
    ) -> Result<(), RootError> {
        let generation = self.generation + 1;
        *self = Self { generation, ..Self::start(plugin, process, self.thread, settings)? };
        Ok(())
    }

    /// The VM, if it still takes callbacks.
    pub(crate) fn live(&mut self) -> Option<&mut Vm> {
        self.vm.as_mut().filter(|vm| !vm.has_failed())
    }

    pub(crate) fn next_context(&mut self) -> u32 {
        self.last_context += 1;
        self.last_context
    }

    /// Notes when the VM failed. Its timer is not armed any more, so its ticks have ended.
    pub(crate) fn note_failure(&mut self, now_ns: u64) {
        if self.failed_at_ns.is_none() {
            self.failed_at_ns = Some(now_ns);
        }
    }

    /// Sets or stops the timer; a tick on its way is called off.
    pub(crate) fn set_tick_period(&mut self, period_ms: u32, schedule: &mut Schedule) {
        if let Some((_, Some(slot))) = self.tick.take() {
            schedule.cancel(slot);
        }
        self.tick = (period_ms > 0).then_some((period_ms, None));
    }

    /// Starts the timer if it is set but does not run.
    pub(crate) fn arm_tick(&mut self, thread: usize, now_ns: u64, schedule: &mut Schedule) {
        if let Some((period_ms, None)) = self.tick {
            let at_ns = now_ns.saturating_add(u64::from(period_ms) * 1_000_000);
            let task = Task { thread, generation: self.generation, due: Due::Tick };
            self.tick = Some((period_ms, Some(schedule.add(at_ns, task))));
        }
    }
}

fn start_root(
    plugin: &Plugin,
    process: &Rc<Process>,
    thread: Thread,
    settings: &VmSettings,
) -> Result<Vm, RootError> {
    let state = VmState::new(Rc::clone(process), thread, settings);
    let mut vm = Vm::start(plugin, state).map_err(|failure| recorded(process, thread, failure))?;
    vm.state().contexts.insert(ROOT, Context::Root);
    vm.call("proxy_on_context_create", ROOT, &[ROOT, 0])?;
    ask(&mut vm, "proxy_on_vm_start", settings.vm_configuration.len())?;
    vm.state().plugin_configuration = Some(Rc::clone(&settings.plugin_configuration));
    ask(&mut vm, "proxy_on_configure", settings.plugin_configuration.len())?;
    vm.state().plugin_configuration = None;
    vm.state().record(EventKind::Configured);
    Ok(vm)
}

/// Asks the root whether it agrees; one that does not export the question does.
fn ask(vm: &mut Vm, callback: &'static str, size: usize) -> Result<(), RootError> {
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    match vm.call(callback, ROOT, &[ROOT, size])? {
        Some(0) => Err(RootError::Refused(callback)),
        _ => Ok(()),
    }
}

/// A VM that fails before it runs has no one else to note it.
fn recorded(process: &Process, thread: Thread, failure: VmFailure) -> VmFailure {
    if failure.callback == "instantiation" {
        let VmFailure { callback, reason } = failure.clone();
        process.record(Some(thread), EventKind::Trap { callback, reason });
    }
    failure
}
