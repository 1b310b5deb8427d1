//! One thread of the proxy: its VM, the roots in it, and the roots' timers.

use std::rc::Rc;

use super::schedule::{Due, Schedule, Slot, Task};
use crate::{
    process::Process,
    timeline::{EventKind, Thread},
    vm::{
        Vm, VmFailure,
        callback::Callback,
        plugin::Plugin,
        state::{Context, RootSettings, VmSettings, VmState},
    },
};

/// The context of the first root; 0 would be the VM itself.
pub(crate) const FIRST_ROOT: u32 = 1;

/// Why a root did not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// The plugin failed.
    #[error(transparent)]
    Failed(#[from] VmFailure),
    /// The plugin said no.
    #[error("the plugin refused in {0}")]
    Refused(&'static str),
}

/// One root of a thread.
#[derive(Debug, Default)]
pub(crate) struct Root {
    /// The period in milliseconds, and the next tick if one is on its way.
    tick: Option<(u32, Option<Slot>)>,
    /// The root was asked to end.
    pub(crate) asked: bool,
    /// The root has come to its end.
    pub(crate) done: bool,
}

pub(crate) struct Worker {
    pub(crate) thread: Thread,
    /// None if it did not start, or once all roots have come to their end.
    pub(crate) vm: Option<Vm>,
    /// Counts the VMs of this thread, so that nothing reaches the wrong one.
    pub(crate) generation: u32,
    pub(crate) failed_at_ns: Option<u64>,
    /// There never was a VM.
    pub(crate) is_absent: bool,
    /// In the order of their contexts, which begin with [`FIRST_ROOT`].
    pub(crate) roots: Vec<Root>,
    last_context: u32,
}

impl Worker {
    /// Starts a VM, and in it a root for each plugin, with its configuration.
    pub(crate) fn start(
        plugin: &Plugin,
        process: &Rc<Process>,
        thread: Thread,
        settings: &VmSettings,
    ) -> Result<Self, RootError> {
        Self::start_after(plugin, process, thread, settings, |_| Ok(()))
    }

    /// Starts a VM, each root after `before` has let it.
    pub(crate) fn start_after(
        plugin: &Plugin,
        process: &Rc<Process>,
        thread: Thread,
        settings: &VmSettings,
        before: impl FnMut(&RootSettings) -> Result<(), RootError>,
    ) -> Result<Self, RootError> {
        let vm = start_roots(plugin, process, thread, settings, before)?;
        let roots: Vec<Root> = settings.roots.iter().map(|_| Root::default()).collect();
        let last_context = u32::try_from(roots.len()).unwrap_or(u32::MAX);
        let vm = Some(vm);
        Ok(Self { vm, roots, last_context, is_absent: false, ..Self::absent(thread) })
    }

    /// A thread that has no VM and never will.
    pub(crate) fn absent(thread: Thread) -> Self {
        Self {
            thread,
            vm: None,
            generation: 0,
            failed_at_ns: None,
            is_absent: true,
            roots: Vec::new(),
            last_context: 0,
        }
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

    /// The contexts of the roots.
    pub(crate) fn root_contexts(&self) -> impl Iterator<Item = u32> + use<> {
        (FIRST_ROOT..).take(self.roots.len())
    }

    pub(crate) fn root(&mut self, context: u32) -> Option<&mut Root> {
        self.roots.get_mut(usize::try_from(context.checked_sub(FIRST_ROOT)?).ok()?)
    }

    pub(crate) fn next_context(&mut self) -> u32 {
        // After four thousand million streams the first ids are free again; 0 and the roots never are.
        let roots = u32::try_from(self.roots.len()).unwrap_or(u32::MAX);
        self.last_context = self.last_context.wrapping_add(1).max(roots.saturating_add(1));
        self.last_context
    }

    /// Notes when the VM failed. Its timers are not armed any more, so its ticks have ended.
    pub(crate) fn note_failure(&mut self, now_ns: u64) {
        if self.failed_at_ns.is_none() {
            self.failed_at_ns = Some(now_ns);
        }
    }

    /// Sets or stops the timer of a root; a tick on its way is called off.
    pub(crate) fn set_tick_period(
        &mut self,
        context: u32,
        period_ms: u32,
        schedule: &mut Schedule,
    ) {
        let Some(root) = self.root(context) else { return };
        if let Some((_, Some(slot))) = root.tick.take() {
            schedule.cancel(slot);
        }
        root.tick = (period_ms > 0).then_some((period_ms, None));
    }

    /// A root's timer has run out; it starts anew after the callback, unless that has changed it.
    pub(crate) fn tick_is_due(&mut self, context: u32) {
        if let Some(root) = self.root(context) {
            root.tick = root.tick.map(|(period_ms, _)| (period_ms, None));
        }
    }

    /// Starts the timers that are set but do not run.
    pub(crate) fn arm_ticks(&mut self, thread: usize, now_ns: u64, schedule: &mut Schedule) {
        for (root, context) in self.roots.iter_mut().zip(FIRST_ROOT..) {
            if let Some((period_ms, None)) = root.tick {
                let at_ns = now_ns.saturating_add(u64::from(period_ms) * 1_000_000);
                let due = Due::Tick(context);
                let task = Task { thread, generation: self.generation, due };
                root.tick = Some((period_ms, Some(schedule.add(at_ns, task))));
            }
        }
    }
}

fn start_roots(
    plugin: &Plugin,
    process: &Rc<Process>,
    thread: Thread,
    settings: &VmSettings,
    mut before: impl FnMut(&RootSettings) -> Result<(), RootError>,
) -> Result<Vm, RootError> {
    if let Some(first) = settings.roots.first() {
        before(first)?;
    }
    let state = VmState::new(Rc::clone(process), thread, settings);
    let mut vm = Vm::start(plugin, state).map_err(|failure| recorded(process, thread, failure))?;
    for (root, context) in settings.roots.iter().zip(FIRST_ROOT..) {
        if context > FIRST_ROOT {
            before(root)?;
        }
        // The configuration can be read while the root is created and configured (measured).
        vm.state().contexts.insert(context, Context::Root);
        vm.state().plugin_configuration = Some(Rc::clone(&root.configuration));
        vm.call(Callback::ContextCreate, context, &[context, 0])?;
        vm.state().plugin_configuration = None;
        let started = ask(&mut vm, Callback::VmStart, context, settings.vm_configuration.len());
        let agreed = started.and_then(|()| {
            vm.state().plugin_configuration = Some(Rc::clone(&root.configuration));
            let answer = ask(&mut vm, Callback::Configure, context, root.configuration.len());
            vm.state().plugin_configuration = None;
            answer
        });
        if let Err(error) = agreed {
            if thread != Thread::Canary {
                end_refused(&mut vm, context)?;
            }
            return Err(error);
        }
    }
    vm.state().record(EventKind::Configured);
    Ok(vm)
}

/// A root that has refused ends at once, whatever it says to that; the canary's just goes
/// (measured).
fn end_refused(vm: &mut Vm, context: u32) -> Result<(), VmFailure> {
    if !vm.has_failed() {
        vm.call(Callback::Done, context, &[context])?;
        vm.call(Callback::Delete, context, &[context])?;
    }
    Ok(())
}

/// Asks a root whether it agrees; one that does not export the question does.
fn ask(vm: &mut Vm, callback: Callback, context: u32, size: usize) -> Result<(), RootError> {
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    match vm.call(callback, context, &[context, size])? {
        Some(0) => Err(RootError::Refused(callback.name())),
        _ => Ok(()),
    }
}

/// A VM that fails before it runs has no one else to note it.
fn recorded(process: &Process, thread: Thread, failure: VmFailure) -> VmFailure {
    if failure.callback == "instantiation" {
        process.record(Some(thread), failure.event());
    }
    failure
}
