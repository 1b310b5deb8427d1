//! A TCP connection and its guest: data in both directions, holding back and going on, the end. It
//! follows Envoy's network filters, with this one plugin before `tcp_proxy`.

use super::{
    Vm, VmFailure,
    http::{length, with},
};
use crate::{
    abi::Peer,
    properties::availability::Phase,
    stream::{Direction, half::DataStatus},
    vm::callback::Callback,
};

type Step = Result<(), VmFailure>;

/// The connection is there.
pub(super) fn open(vm: &mut Vm, context: u32) -> Step {
    vm.call(Callback::NewConnection, context, &[context])?;
    with(vm, context, |stream| stream.phase = Phase::Live);
    Ok(())
}

/// Data arrives. What a guest holds back is shown again with what comes next.
pub(super) fn data(
    vm: &mut Vm,
    context: u32,
    direction: Direction,
    (data, end): (Vec<u8>, bool),
) -> Step {
    let size = with(vm, context, |stream| stream.half(direction).receive(data, end));
    let callback = match direction {
        Direction::FromDownstream => Callback::DownstreamData,
        Direction::FromUpstream => Callback::UpstreamData,
    };
    let arguments = [context, length(size.unwrap_or_default()), u32::from(end)];
    let answer = vm.call(callback, context, &arguments)?.unwrap_or(0);
    // A connection that the guest has closed passes nothing on.
    let goes_on = answer == 0 && !vm.state().stop_iteration;
    let status = if goes_on { DataStatus::Continue } else { DataStatus::Buffer };
    with(vm, context, |stream| stream.half(direction).settle_data(status));
    // Envoy tells a network filter of the upstream's end only so, and does not know why.
    if end && direction == Direction::FromUpstream {
        vm.call(Callback::UpstreamClose, context, &[context, 0])?;
    }
    Ok(())
}

/// The guest lets the data from downstream go on.
pub(super) fn resume(vm: &mut Vm, context: u32) {
    with(vm, context, |stream| stream.request.release());
}

/// The connection is closed: `on_done`, then `on_log`, then it is gone.
pub(super) fn end(vm: &mut Vm, context: u32, peer: Peer) -> Step {
    vm.call(Callback::DownstreamClose, context, &[context, peer.code()])?;
    vm.call(Callback::Done, context, &[context])?;
    vm.call(Callback::Log, context, &[context])?;
    vm.call(Callback::Delete, context, &[context]).map(drop)
}
