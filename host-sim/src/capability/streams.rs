//! What a guest does to a stream: resume it, end it, answer it itself. The last two are only noted:
//! what happens next on the stream is for the scenario to say.

use wasmtime::Linker;

use crate::{
    abi::{Action, Status},
    pairs,
    timeline::EventKind,
    vm::{
        guest::{CallResult, Guest, answer, read},
        state::VmState,
    },
};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_continue_stream", |mut guest: Guest<'_>, half: u32| {
        answer(resume(guest.data_mut(), half))
    })?;
    linker.func_wrap("env", "proxy_close_stream", |guest: Guest<'_>, half: u32| {
        answer(close(guest.data(), half))
    })?;
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |guest: Guest<'_>,
         status: u32,
         details: u32,
         details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         _grpc_status: i32| {
            let arguments = [(details, details_size), (body, body_size), (headers, headers_size)];
            answer(send_local_response(&guest, status, arguments))
        },
    )?;
    Ok(())
}

/// Halves are numbered: request, response, downstream, upstream (`proxy_stream_type_t`).
fn half_name(half: u32) -> Result<&'static str, Status> {
    match half {
        0 => Ok("request"),
        1 => Ok("response"),
        2 => Ok("downstream"),
        3 => Ok("upstream"),
        _ => Err(Status::BadArgument),
    }
}

fn resume(state: &mut VmState, half: u32) -> CallResult {
    let name = half_name(half)?;
    let effective = state.effective;
    let stream = state.stream_mut(effective).ok_or(Status::BadArgument)?;
    let data = if half.is_multiple_of(2) { &mut stream.request } else { &mut stream.response };
    data.settle(Action::Continue);
    note(state, format!("{name} resumed"));
    Ok(())
}

fn close(state: &VmState, half: u32) -> CallResult {
    let name = half_name(half)?;
    state.stream().ok_or(Status::BadArgument)?;
    note(state, format!("{name} closed by the plugin"));
    Ok(())
}

fn send_local_response(
    guest: &Guest<'_>,
    status: u32,
    [details, body, headers]: [(u32, u32); 3],
) -> CallResult {
    read(guest, details.0, details.1)?;
    let body = read(guest, body.0, body.1)?;
    let headers = read(guest, headers.0, headers.1)?;
    pairs::deserialize(&headers).map_err(|_| Status::ParseFailure)?;
    let state = guest.data();
    state.stream().ok_or(Status::BadArgument)?;
    note(state, format!("answered {status} by the plugin, {} bytes", body.len()));
    Ok(())
}

fn note(state: &VmState, action: String) {
    state.record(EventKind::StreamAction { stream_context: state.effective, action });
}
