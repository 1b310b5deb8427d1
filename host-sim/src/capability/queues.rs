//! Queues between VMs. Who registered a queue last is told when it gets an item.

use std::collections::{BTreeMap, VecDeque};

use wasmtime::Linker;

use crate::{
    abi::Status,
    process::kept,
    timeline::Thread,
    vm::{
        guest::{CallResult, Guest, answer, give, read, read_text, write},
        state::VmState,
    },
};

/// Who is told about items: the root with this context, on this thread.
pub(crate) type Owner = (Thread, u32);

#[derive(Debug)]
struct Queue {
    owner: Owner,
    items: VecDeque<Vec<u8>>,
}

/// All queues; ids count from 1.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    queues: BTreeMap<u32, Queue>,
    /// By the vm_id and the name.
    ids: BTreeMap<(String, String), u32>,
    bytes: u64,
}

impl Queues {
    /// Makes a queue, or takes over one that is there: its items stay (cpp-host, `shared_queue.cc`).
    pub(crate) fn register(&mut self, vm_id: &str, name: &str, owner: Owner) -> Option<u32> {
        if let Some(id) = self.resolve(vm_id, name) {
            self.queues.get_mut(&id)?.owner = owner;
            return Some(id);
        }
        let id = u32::try_from(self.queues.len()).ok()?.checked_add(1)?;
        self.bytes = self.bytes.saturating_add(kept::size(name.len()));
        self.ids.insert((vm_id.to_owned(), name.to_owned()), id);
        self.queues.insert(id, Queue { owner, items: VecDeque::new() });
        Some(id)
    }

    pub(crate) fn resolve(&self, vm_id: &str, name: &str) -> Option<u32> {
        self.ids.get(&(vm_id.to_owned(), name.to_owned())).copied()
    }

    /// Who is told about items of the queue.
    pub(crate) fn owner(&self, id: u32) -> Option<Owner> {
        self.queues.get(&id).map(|queue| queue.owner)
    }

    fn push(&mut self, id: u32, item: Vec<u8>) -> Result<(), Status> {
        let queue = self.queues.get_mut(&id).ok_or(Status::NotFound)?;
        self.bytes = self.bytes.saturating_add(kept::size(item.len()));
        queue.items.push_back(item);
        Ok(())
    }

    fn pop(&mut self, id: u32) -> Result<Vec<u8>, Status> {
        let queue = self.queues.get_mut(&id).ok_or(Status::NotFound)?;
        let item = queue.items.pop_front().ok_or(Status::Empty)?;
        self.bytes = self.bytes.saturating_sub(kept::size(item.len()));
        Ok(item)
    }

    /// How many bytes all queues keep.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_register_shared_queue",
        |mut guest: Guest<'_>, name: u32, name_size: u32, id: u32| {
            answer(register(&mut guest, (name, name_size), id))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_resolve_shared_queue",
        |mut guest: Guest<'_>, vm_id: u32, vm_id_size: u32, name: u32, name_size: u32, id: u32| {
            answer(resolve(&mut guest, (vm_id, vm_id_size), (name, name_size), id))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_enqueue_shared_queue",
        |mut guest: Guest<'_>, id: u32, item: u32, size: u32| {
            answer(enqueue(&mut guest, id, (item, size)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_dequeue_shared_queue",
        |mut guest: Guest<'_>, id: u32, item: u32, size: u32| {
            answer(dequeue(&mut guest, id, (item, size)))
        },
    )?;
    Ok(())
}

fn register(guest: &mut Guest<'_>, name: (u32, u32), return_id: u32) -> CallResult {
    let name = read_text(guest, name.0, name.1)?;
    let state = guest.data();
    let owner = (state.thread, state.root());
    let id = state.process.queues.borrow_mut().register(&state.vm_id, &name, owner);
    write(guest, return_id, &id.ok_or(Status::InternalFailure)?.to_le_bytes())
}

fn resolve(
    guest: &mut Guest<'_>,
    vm_id: (u32, u32),
    name: (u32, u32),
    return_id: u32,
) -> CallResult {
    let vm_id = read_text(guest, vm_id.0, vm_id.1)?;
    // No vm_id means the guest's own.
    let vm_id = if vm_id.is_empty() { guest.data().vm_id.clone() } else { vm_id };
    let name = read_text(guest, name.0, name.1)?;
    let id = guest.data().process.queues.borrow().resolve(&vm_id, &name);
    write(guest, return_id, &id.ok_or(Status::NotFound)?.to_le_bytes())
}

fn enqueue(guest: &mut Guest<'_>, id: u32, item: (u32, u32)) -> CallResult {
    let item = read(guest, item.0, item.1)?;
    guest.data().process.queues.borrow_mut().push(id, item)?;
    guest.data_mut().outbox.queues_ready.push(id);
    Ok(())
}

fn dequeue(guest: &mut Guest<'_>, id: u32, item: (u32, u32)) -> CallResult {
    let bytes = guest.data().process.queues.borrow_mut().pop(id)?;
    give(guest, &bytes, item.0, item.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_leave_in_order_and_stay_when_the_owner_changes() {
        let mut queues = Queues::default();
        let id = queues.register("vm", "q", (Thread::Main, 1)).unwrap();
        queues.push(id, b"1".to_vec()).unwrap();
        queues.push(id, b"2".to_vec()).unwrap();
        assert_eq!(queues.register("vm", "q", (Thread::Worker(0), 2)), Some(id));
        assert_eq!(queues.owner(id), Some((Thread::Worker(0), 2)));
        assert_eq!(queues.pop(id).unwrap(), b"1");
        assert_eq!(queues.pop(id).unwrap(), b"2");
        assert_eq!(queues.pop(id), Err(Status::Empty));
        assert_eq!(queues.pop(id + 1), Err(Status::NotFound));
        assert_eq!(queues.resolve("other", "q"), None);
    }
}
