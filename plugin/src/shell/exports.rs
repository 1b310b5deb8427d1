//! The callbacks that Envoy makes: only these. What is not here costs nothing.

#![allow(unsafe_code, reason = "exported names must be unique, which the linker checks")]
#![allow(clippy::missing_const_for_fn, reason = "Envoy calls them")]

use super::abi;
use super::contexts::{create, end_stream, forget, with_root, with_stream};
use super::host::Host;
use crate::observe::{Delivery, Moved};

/// What a data callback answers: the bytes go on.
const CONTINUE: u32 = 0;

/// Which ABI this is.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_abi_version_0_2_1() {}

/// The module's start.
#[unsafe(no_mangle)]
pub extern "C" fn _initialize() {
    std::panic::set_hook(Box::new(|panic| {
        abi::log(log::Level::Error, &format!("flow_filter: {panic}"));
    }));
}

/// A root or a stream begins.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_context_create(context: u32, root: u32) {
    create(context, root);
}

/// A root is configured.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_configure(context: u32, _size: usize) -> bool {
    with_root(context, |root| root.configure()).unwrap_or(false)
}

/// A root's timer.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_tick(context: u32) {
    if with_root(context, |root| root.tick()) == Some(true) {
        release(context);
    }
}

/// A push is answered.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_http_call_response(
    context: u32,
    token: u32,
    num_headers: usize,
    body_size: usize,
    _num_trailers: usize,
) {
    if with_root(context, |root| root.answered(token, num_headers, body_size)) == Some(true) {
        release(context);
    }
}

/// A context ends. A root may ask for time; a stream does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_done(context: u32) -> bool {
    let is_over = with_root(context, |root| root.end()).unwrap_or(true);
    if is_over {
        forget(context);
    }
    is_over
}

fn release(context: u32) {
    abi::done();
    forget(context);
}

/// A request's headers pass.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_headers(context: u32, _count: usize, _is_end: bool) -> u32 {
    with_stream(context, |filter, slot| {
        if filter.wants_headers() {
            filter.headers(slot, &Host);
        }
    });
    CONTINUE
}

/// A part of a request's body passes: this size, since nothing is ever held back.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_body(context: u32, size: usize, _is_end: bool) -> u32 {
    count(context, Moved::Tx(size as u64))
}

/// A part of a response's body passes.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_body(context: u32, size: usize, _is_end: bool) -> u32 {
    count(context, Moved::Rx(size as u64))
}

/// Data of a connection's source is in the buffer.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_downstream_data(context: u32, size: usize, is_end: bool) -> u32 {
    if size > 0 {
        with_stream(context, |filter, slot| {
            let delivery = Delivery { size: size as u64, is_end };
            filter.deliver(slot, delivery, &Host, &Host, &Host);
        });
    }
    CONTINUE
}

/// Data for a connection's source passes.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_upstream_data(context: u32, size: usize, _is_end: bool) -> u32 {
    count(context, Moved::Rx(size as u64))
}

/// A stream has ended; to an access logger, that is told of its root.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_log(context: u32) {
    if !end_stream(context, |filter, slot| filter.close(slot, &Host)) {
        with_root(context, |root| root.filter_mut().map(|filter| filter.record(&Host, &Host)));
    }
}

fn count(context: u32, moved: Moved) -> u32 {
    if moved.bytes() > 0 {
        with_stream(context, |filter, slot| filter.count(slot, moved, &Host, &Host));
    }
    CONTINUE
}
