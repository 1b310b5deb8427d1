//! `proxy_http_call`: checks what the guest asks for and puts it into the outbox. Answering is
//! left to `crate::callouts` and `host`.

use wasmtime::Linker;

use crate::{
    abi::Status,
    callouts::{CallRequest, PendingCall},
    timeline::EventKind,
    vm::{
        guest::{CallResult, Guest, answer, read, read_pairs, read_text, write},
        state::VmState,
    },
};

/// Tokens go up by this much: Envoy keeps the kind of call in the lowest two bits.
const TOKEN_INCREMENT: u32 = 4;

/// Without these a call is not HTTP.
const REQUIRED: [&str; 3] = [":path", ":method", ":authority"];

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |mut guest: Guest<'_>,
         cluster: u32,
         cluster_size: u32,
         headers: u32,
         headers_size: u32,
         body: u32,
         body_size: u32,
         trailers: u32,
         trailers_size: u32,
         timeout_ms: u32,
         token: u32| {
            answer(http_call(
                &mut guest,
                [
                    (cluster, cluster_size),
                    (headers, headers_size),
                    (body, body_size),
                    (trailers, trailers_size),
                ],
                timeout_ms,
                token,
            ))
        },
    )?;
    Ok(())
}

fn http_call(
    guest: &mut Guest<'_>,
    [cluster, headers, body, trailers]: [(u32, u32); 4],
    timeout_ms: u32,
    return_token: u32,
) -> CallResult {
    // A bad place for the token is found before anything is sent.
    write(guest, return_token, &0_u32.to_le_bytes())?;
    let cluster = read_text(guest, cluster.0, cluster.1)?;
    let headers = read(guest, headers.0, headers.1)?;
    let headers = read_pairs(guest, &headers);
    let body = read(guest, body.0, body.1)?;
    let trailers = read(guest, trailers.0, trailers.1)?;
    let trailers = read_pairs(guest, &trailers);
    let request = CallRequest { headers, body, trailers };
    match send(guest.data_mut(), &cluster, &request, timeout_ms) {
        Ok(token) => write(guest, return_token, &token.to_le_bytes()),
        Err(status) => {
            refuse(guest.data(), &cluster, request, status);
            Err(status.into())
        }
    }
}

fn send(
    state: &mut VmState,
    cluster: &str,
    request: &CallRequest,
    timeout_ms: u32,
) -> Result<u32, Status> {
    // Envoy reads the timeout as a number with a sign.
    if timeout_ms.cast_signed() < 0 || REQUIRED.iter().any(|name| request.header(name).is_none()) {
        return Err(Status::BadArgument);
    }
    let now_ns = state.process.now_ns.get();
    let admitted = state.process.callouts.borrow_mut().admit(cluster, now_ns);
    // Envoy takes the token before it sends, so a failed send uses one up.
    if !matches!(admitted, Err(Status::BadArgument)) {
        state.next_call_token = state.next_call_token.wrapping_add(TOKEN_INCREMENT);
    }
    let (token, root, fault) = (state.next_call_token, state.root(), admitted?);
    let (cluster, mut request) = (cluster.to_owned(), request.clone());
    request.set_content_length();
    state.outbox.calls.push(PendingCall { token, root, cluster, request, timeout_ms, fault });
    Ok(token)
}

fn refuse(state: &VmState, cluster: &str, request: CallRequest, status: Status) {
    state.record(EventKind::refused(cluster, status));
    let now_ns = state.process.now_ns.get();
    let mut callouts = state.process.callouts.borrow_mut();
    callouts.note_refused(state.thread, cluster, request, (status, now_ns));
}
