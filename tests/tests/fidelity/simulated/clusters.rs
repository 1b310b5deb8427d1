//! The servers that guests call, in the simulator: the same answers as those of the real ones.

use std::rc::Rc;

use host_sim::{Backend, CallRequest, CallResponse, Cluster, Fault, GrpcUpstream};

use super::super::{grpc, servers};

/// How many calls of a case can go wrong.
const FAULTS: usize = 20;

/// The clusters by name.
pub(super) fn clusters() -> [(&'static str, Cluster); 6] {
    let answering = || Cluster::new(Backend::Function(Rc::new(answer)));
    let failing = |fault: Fault| {
        let mut cluster = answering();
        cluster.script(std::iter::repeat_n(fault, FAULTS));
        cluster
    };
    [
        ("calls", answering()),
        ("grpc", Cluster::grpc(GrpcUpstream::new(grpc::replies))),
        ("refused", failing(Fault::Refused)),
        ("hang", failing(Fault::Timeout)),
        ("reset", failing(Fault::ResetButDelivered)),
        ("empty", failing(Fault::InternalFailure)),
    ]
}

fn answer(request: &CallRequest) -> CallResponse {
    let header = |name| request.header(name).unwrap_or_default();
    let answer = servers::answer(&header(":method"), &header(":path"), &request.body);
    let headers: Vec<(&str, &str)> = answer.headers();
    let trailers: Vec<(&str, &str)> = answer.trailers();
    CallResponse::new(answer.status, &headers, &answer.body).with_trailers(&trailers)
}
