//! `Stream`: what TCP and HTTP contexts have in common: a share of their root's filter, and a
//! number in it.

use std::cell::RefCell;
use std::rc::Rc;

use super::host::{self, Host};
use crate::filter::Filter;
use crate::observe::{Delivery, Moved};
use crate::slab::Slot;

/// A root's filter, as its streams share it. Borrows are tried, never forced: a count that
/// cannot be made must not stop the bytes.
pub(super) type Shared = Rc<RefCell<Filter>>;

/// One connection or request.
pub(super) struct Stream {
    filter: Option<Shared>,
    slot: Option<Slot>,
}

impl Stream {
    /// A stream of this filter; without one, nothing is counted.
    pub fn new(filter: Option<Shared>) -> Self {
        let slot = filter.as_ref().and_then(|filter| filter.try_borrow_mut().ok()?.open().into());
        Self { filter, slot }
    }

    /// Takes what is needed of the request's headers.
    pub fn headers(&self) {
        self.with(|filter, slot| {
            if filter.wants_headers() {
                filter.headers(slot, &Host);
            }
        });
    }

    /// Counts bytes that move now.
    pub fn count(&self, moved: Moved) {
        if moved.bytes() > 0 {
            self.with(|filter, slot| filter.count(slot, moved, host::now_ns(), &Host));
        }
    }

    /// Counts what is new of the downstream data at hand, of `size` bytes.
    pub fn deliver(&self, size: u64, is_end: bool) {
        if size > 0 {
            self.with(|filter, slot| {
                let delivery = Delivery { at_ns: host::now_ns(), size, is_end };
                filter.deliver(slot, delivery, &Host, &Host);
            });
        }
    }

    /// Ends the stream; a second time does nothing.
    pub fn close(&mut self) {
        self.with(|filter, slot| filter.close(slot, &Host));
        self.slot = None;
    }

    fn with(&self, action: impl FnOnce(&mut Filter, Slot)) {
        if let (Some(filter), Some(slot)) = (&self.filter, self.slot)
            && let Ok(mut filter) = filter.try_borrow_mut()
        {
            action(&mut filter, slot);
        }
    }
}

/// For hosts that delete a context without `on_log`.
impl Drop for Stream {
    fn drop(&mut self) {
        self.close();
    }
}
