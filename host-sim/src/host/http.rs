//! An HTTP stream and its guest: headers, data and trailers in both directions, holding back and
//! going on. It follows Envoy's filter manager, with this one plugin in the chain. Answers that the
//! guest gives itself are left to `reply`.

use super::{Vm, VmFailure};
use crate::{
    pairs::Pair,
    properties::availability::Phase,
    stream::{
        Direction, Stream,
        half::{DataStatus, Half, Iteration},
    },
    vm::callback::Callback,
};

type Step = Result<(), VmFailure>;

/// The only answer of a callback that lets headers and trailers go on.
const CONTINUE: u32 = 0;

/// Changes a stream, if it is there.
pub(super) fn with<T: Default>(
    vm: &mut Vm,
    context: u32,
    change: impl FnOnce(&mut Stream) -> T,
) -> T {
    vm.state().stream_mut(context).map(change).unwrap_or_default()
}

fn half<T: Default>(
    vm: &mut Vm,
    context: u32,
    direction: Direction,
    change: impl FnOnce(&mut Half) -> T,
) -> T {
    with(vm, context, |stream| change(stream.half(direction)))
}

/// The headers arrive. Whatever a guest answers but "go on" holds all of the half back: Envoy makes
/// that of `StopIteration`, too.
pub(super) fn headers(
    vm: &mut Vm,
    context: u32,
    direction: Direction,
    (headers, end): (Vec<Pair>, bool),
) -> Step {
    let count = with(vm, context, |stream| {
        if direction == Direction::FromUpstream {
            stream.phase = Phase::Live;
            stream.response_code = code(&headers);
        }
        stream.half(direction).receive_headers(headers, end)
    });
    let callback = match direction {
        Direction::FromDownstream => Callback::RequestHeaders,
        Direction::FromUpstream => Callback::ResponseHeaders,
    };
    let arguments = [context, length(count), u32::from(end)];
    let answer = vm.call(callback, context, &arguments)?.unwrap_or(CONTINUE);
    let goes_on = answer == CONTINUE && !vm.state().stop_iteration;
    half(vm, context, direction, |half| {
        if goes_on {
            half.send_headers();
            half.hide_headers();
            half.settle_end();
        } else {
            half.iteration = Iteration::StopAll;
        }
    });
    Ok(())
}

pub(super) fn code(headers: &[Pair]) -> Option<i64> {
    let (_, value) = headers.iter().find(|(name, _)| name == b":status")?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Data arrives.
pub(super) fn data(
    vm: &mut Vm,
    context: u32,
    direction: Direction,
    (data, end): (Vec<u8>, bool),
) -> Step {
    match half(vm, context, direction, |half| half.receive(data, end)) {
        Some(size) => show_data(vm, context, direction, (size, end)),
        None => Ok(()),
    }
}

/// Shows data to the guest; then what it adds as trailers moves on too.
fn show_data(vm: &mut Vm, context: u32, direction: Direction, (size, end): (usize, bool)) -> Step {
    let callback = match direction {
        Direction::FromDownstream => Callback::RequestBody,
        Direction::FromUpstream => Callback::ResponseBody,
    };
    let answer = vm.call(callback, context, &[context, length(size), u32::from(end)])?;
    let stopped = vm.state().stop_iteration;
    let status = DataStatus::from_code(answer.unwrap_or(CONTINUE));
    half(vm, context, direction, |half| {
        half.settle_data(if stopped { DataStatus::NoBuffer } else { status });
        if end && half.has_trailers() && half.iteration == Iteration::Continue {
            half.send_trailers();
        }
    });
    Ok(())
}

/// The trailers arrive, and with them the end.
pub(super) fn trailers(
    vm: &mut Vm,
    context: u32,
    direction: Direction,
    trailers: Vec<Pair>,
) -> Step {
    let waits = half(vm, context, direction, |half| {
        half.receive_trailers(trailers);
        half.iteration == Iteration::StopAll
    });
    if waits { Ok(()) } else { show_trailers(vm, context, direction) }
}

fn show_trailers(vm: &mut Vm, context: u32, direction: Direction) -> Step {
    let count = half(vm, context, direction, Half::show_trailers);
    let callback = match direction {
        Direction::FromDownstream => Callback::RequestTrailers,
        Direction::FromUpstream => Callback::ResponseTrailers,
    };
    let answer = vm.call(callback, context, &[context, length(count)])?.unwrap_or(CONTINUE);
    let goes_on = answer == CONTINUE && !vm.state().stop_iteration;
    half(vm, context, direction, |half| {
        if goes_on {
            half.release();
            half.send_trailers();
        } else {
            half.iteration = Iteration::StopOne;
        }
    });
    Ok(())
}

/// The guest lets a half go on. What waited because of the headers still has to pass the guest;
/// what the guest has seen goes to the next in the chain.
pub(super) fn resume(vm: &mut Vm, context: u32, direction: Direction) -> Step {
    // A request that the plugin has answered goes no further.
    if direction == Direction::FromDownstream && with(vm, context, |stream| stream.replied) {
        return Ok(());
    }
    let waited = half(vm, context, direction, |half| {
        let stopped = half.iteration;
        match stopped {
            Iteration::Continue => {}
            Iteration::StopAll => {
                half.iteration = Iteration::Continue;
                half.send_headers();
                half.hide_headers();
            }
            Iteration::StopOne => {
                half.release();
                if half.has_trailers() {
                    half.send_trailers();
                }
            }
        }
        stopped == Iteration::StopAll
    });
    if !waited {
        return Ok(());
    }
    let (held, ended, has_trailers) = half(vm, context, direction, |half| {
        let held = half.take_held();
        half.settle_end();
        (held, half.ended, half.has_trailers())
    });
    if let Some(held) = held {
        let size = half(vm, context, direction, |half| half.show(held));
        show_data(vm, context, direction, (size, ended && !has_trailers))?;
    }
    if has_trailers { show_trailers(vm, context, direction) } else { Ok(()) }
}

/// The request is over: `on_log`, then `on_done`, then it is gone.
pub(super) fn end(vm: &mut Vm, context: u32) -> Step {
    with(vm, context, |stream| {
        stream.phase = Phase::Live;
        stream.logging = true;
    });
    vm.call(Callback::Log, context, &[context])?;
    with(vm, context, Stream::end);
    vm.call(Callback::Done, context, &[context])?;
    vm.call(Callback::Delete, context, &[context]).map(drop)
}

pub(super) fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
