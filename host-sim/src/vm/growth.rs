//! How far the memory and the tables of a VM grow, and how often a callback may ask for it: to the
//! fuel it is one instruction, but it takes the host much longer than one.

use wasmtime::{ResourceLimiter, Trap};

use crate::limits::{MAX_GROWTHS, MAX_TABLE_ELEMENTS};

/// The bounds of one VM.
#[derive(Debug)]
pub(crate) struct Growth {
    memory_bytes: usize,
    /// How often the running callback has asked.
    asked: u32,
}

impl Growth {
    pub(crate) fn new(memory_bytes: usize) -> Self {
        Self { memory_bytes, asked: 0 }
    }

    /// A callback begins.
    pub(crate) fn begin(&mut self) {
        self.asked = 0;
    }

    fn allows(
        &mut self,
        wanted: usize,
        most: Option<usize>,
        bound: usize,
    ) -> wasmtime::Result<bool> {
        self.asked += 1;
        match self.asked > MAX_GROWTHS {
            true => Err(Trap::OutOfFuel.into()),
            false => Ok(wanted <= most.map_or(bound, |most| most.min(bound))),
        }
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.allows(desired, maximum, self.memory_bytes)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.allows(desired, maximum, MAX_TABLE_ELEMENTS)
    }
}
