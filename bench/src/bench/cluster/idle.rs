//! Nobody pushes: what the front ends cost Redis then.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::deployment::Deployment;
use crate::failure::Result;
use crate::fas::Fas;
use crate::redis_cluster::Node;
use crate::report::{Figure, Report, millis};
use crate::usage;

const TIME: Duration = Duration::from_secs(10);

/// Front ends beside those that there are, so that what they cost can be told from what the nodes
/// do by themselves.
const MORE: usize = 8;

/// Watches the primaries, first as they are, then with more front ends.
pub fn run(fas: &Path, deployment: &Deployment, report: &mut Report) -> Result<()> {
    let nodes = deployment.cluster.primaries();
    let few = cpu_of(nodes)?;
    let url = deployment.cluster.url("fas");
    let more: Vec<Fas> =
        (0..MORE).map(|_| Fas::start_front_end(fas, &url)).collect::<Result<_>>()?;
    let many = cpu_of(nodes)?;
    let front_ends = deployment.front_ends.len();
    let measured = format!(
        "{:.1} ms with {front_ends} front ends, {:.1} ms with {}",
        millis(few),
        millis(many),
        front_ends + more.len()
    );
    let how = format!("{} primaries together, {} s", nodes.len(), TIME.as_secs());
    report.add(Figure::new("CPU of idle primaries", measured).how(how));
    Ok(())
}

fn cpu_of(nodes: &[Node]) -> Result<Duration> {
    let used =
        || -> Result<Duration> { nodes.iter().map(|node| usage::run_time(node.pid())).sum() };
    let before = used()?;
    sleep(TIME);
    Ok(used()?.saturating_sub(before))
}
