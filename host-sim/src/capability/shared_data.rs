//! Data that all VMs with one vm_id share, changed by compare-and-swap.

use std::collections::BTreeMap;

use wasmtime::Linker;

use crate::{
    abi::Status,
    process::kept,
    vm::{
        guest::{CallResult, Guest, answer, give, read, write},
        state::VmState,
    },
};

/// Values by vm_id and key, each with the number of its version.
#[derive(Debug, Default)]
pub(crate) struct SharedData {
    values: BTreeMap<(String, Vec<u8>), (Vec<u8>, u32)>,
    last_cas: u32,
    bytes: u64,
}

impl SharedData {
    pub(crate) fn get(&self, vm_id: &str, key: &[u8]) -> Option<&(Vec<u8>, u32)> {
        self.values.get(&(vm_id.to_owned(), key.to_owned()))
    }

    /// Sets a value. A `cas` of 0 always wins, as does any for a key that is not there yet
    /// (cpp-host, `shared_data.cc`).
    pub(crate) fn set(
        &mut self,
        vm_id: &str,
        key: &[u8],
        value: Vec<u8>,
        cas: u32,
    ) -> Result<(), Status> {
        if self.get(vm_id, key).is_some_and(|(_, current)| cas != 0 && cas != *current) {
            return Err(Status::CasMismatch);
        }
        // 0 means "any version", so no version may be 0.
        self.last_cas = self.last_cas.checked_add(1).unwrap_or(1);
        let size = |value: &[u8]| kept::size(key.len().saturating_add(value.len()));
        self.bytes = self.bytes.saturating_add(size(&value));
        let key_of_vm = (vm_id.to_owned(), key.to_owned());
        if let Some((old, _)) = self.values.insert(key_of_vm, (value, self.last_cas)) {
            self.bytes = self.bytes.saturating_sub(size(&old));
        }
        Ok(())
    }

    /// How many bytes it keeps.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut guest: Guest<'_>, key: u32, key_size: u32, value: u32, size: u32, cas: u32| {
            answer(get_shared_data(&mut guest, (key, key_size), (value, size), cas))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |mut guest: Guest<'_>, key: u32, key_size: u32, value: u32, size: u32, cas: u32| {
            answer(set_shared_data(&mut guest, (key, key_size), (value, size), cas))
        },
    )?;
    Ok(())
}

fn get_shared_data(
    guest: &mut Guest<'_>,
    key: (u32, u32),
    value: (u32, u32),
    return_cas: u32,
) -> CallResult {
    let key = read(guest, key.0, key.1)?;
    let state = guest.data();
    let found = state.process.shared_data.borrow().get(&state.vm_id, &key).cloned();
    let (bytes, cas) = found.ok_or(Status::NotFound)?;
    give(guest, &bytes, value.0, value.1)?;
    write(guest, return_cas, &cas.to_le_bytes())
}

fn set_shared_data(
    guest: &mut Guest<'_>,
    key: (u32, u32),
    value: (u32, u32),
    cas: u32,
) -> CallResult {
    let key = read(guest, key.0, key.1)?;
    let value = read(guest, value.0, value.1)?;
    let state = guest.data();
    Ok(state.process.shared_data.borrow_mut().set(&state.vm_id, &key, value, cas)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_current_version_can_be_replaced() {
        let mut data = SharedData::default();
        data.set("vm", b"k", b"a".to_vec(), 0).unwrap();
        let (_, first) = data.get("vm", b"k").unwrap().clone();
        data.set("vm", b"k", b"b".to_vec(), first).unwrap();
        assert_eq!(data.set("vm", b"k", b"c".to_vec(), first), Err(Status::CasMismatch));
        assert_eq!(data.get("vm", b"k").unwrap().0, b"b");
        data.set("vm", b"k", b"d".to_vec(), 0).unwrap();
        assert_eq!(data.get("vm", b"k").unwrap().0, b"d");
    }

    #[test]
    fn other_vm_ids_see_nothing() {
        let mut data = SharedData::default();
        data.set("one", b"k", b"a".to_vec(), 0).unwrap();
        assert_eq!(data.get("two", b"k"), None);
    }

    #[test]
    fn versions_skip_zero() {
        let mut data = SharedData { last_cas: u32::MAX, ..SharedData::default() };
        data.set("vm", b"k", vec![], 0).unwrap();
        assert_eq!(data.get("vm", b"k").unwrap().1, 1);
    }
}
