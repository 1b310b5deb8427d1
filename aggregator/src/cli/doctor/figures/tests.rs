//! Tests of what is said of a server's figures.

use super::super::finding::Level;
use super::*;

const WELL: &str = "\
# HELP fas_connections Connections that are open.
# TYPE fas_connections gauge
fas_connections 3
fas_connections_limit 100
fas_connections_refused_total 0
fas_flows_memory_bytes 1500
fas_memory_budget_bytes 2000
fas_shed_requests_total{reason=\"in_flight\"} 0
fas_shed_requests_total{reason=\"lag\"} 0
fas_lag_seconds 0.001
fas_retain_hours 720
fas_flows_expired_total 0
fas_batches_total{status=\"refused\"} 17
fas_http_requests_total{path=\"/v1/batches\",status=\"200\"} 90
fas_http_requests_total{path=\"/v1/batches\",status=\"403\"} 9
fas_http_requests_total{path=\"/v1/batches\",status=\"503\"} 8
fas_http_requests_total{path=\"/flows\",status=\"400\"} 7
fas_commit_seconds_sum 0.5
fas_commit_seconds_count 100
";

/// The findings when a line is another.
fn with(line: &str, other: &str) -> Vec<Finding> {
    assert!(WELL.contains(line));
    judge(Ok(Figures::new(&WELL.replace(line, other), vec![498_752, 498_751])))
}

/// The one warning when a line is another.
fn warning(line: &str, other: &str) -> String {
    let mut findings = with(line, other);
    findings.retain(|finding| !finding.is_good());
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].level, Level::Warning);
    findings.remove(0).to_string()
}

#[test]
fn a_server_that_is_well_says_so_in_figures() {
    let found: Vec<String> = with(WELL, WELL).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "ok       retention        2 hours have flows, the oldest 498751, 2026-11-24 07:00 UTC; \
             720 are kept",
            "ok       store            a write is durable in 5.0 ms on average of 100",
            "ok       limits           3 of 100 connections, 1.50 kB of 2.00 kB of flows in memory; \
             nothing was refused since the start",
        ]
    );
}

#[test]
fn each_figure_that_is_bad_is_one_warning() {
    for (line, other, said) in [
        ("fas_connections 3", "fas_connections 76", "76 %"),
        ("refused_total 0", "refused_total 4", "4 connections were refused"),
        ("memory_bytes 1500", "memory_bytes 3001", "150 % of --memory-budget"),
        ("\"lag\"} 0", "\"lag\"} 5", "5 requests were refused"),
        ("fas_lag_seconds 0.001", "fas_lag_seconds 0.15", "wait 150 ms"),
        ("expired_total 0", "expired_total 9", "9 flows came for hours"),
        ("status=\"403\"} 9", "status=\"409\"} 2", "2 batches were refused for good"),
        ("seconds_sum 0.5", "seconds_sum 60", "durable in 600.0 ms"),
        (
            "fas_lag_seconds 0.001",
            "fas_reloads_total{file=\"tokens\",outcome=\"failed\"} 1",
            "1 changes of tokens",
        ),
    ] {
        let warning = warning(line, other);
        assert!(warning.contains(said), "{warning}");
    }
}

#[test]
fn hours_without_end_are_told_when_they_are_many() {
    let hours = |count: u64| {
        let text = WELL.replace("fas_retain_hours 720", "fas_retain_hours 0");
        of_retention(&Figures::new(&text, (1..=count).collect()))[0].level
    };
    assert_eq!(hours(10), Level::Ok);
    assert_eq!(hours(1_441), Level::Warning);
}

#[test]
fn a_server_without_bounds_and_writes_is_well() {
    let findings = judge(Ok(Figures::new("fas_connections 1\n", Vec::new())));
    assert!(findings.iter().all(Finding::is_good), "{findings:?}");
    assert!(findings[1].found.contains("nothing was written"), "{}", findings[1]);
}

#[test]
fn of_a_cluster_no_memory_is_told() {
    let text = WELL.replace("memory_bytes 1500", "memory_bytes 0");
    let text = text.replace("budget_bytes 2000", "budget_bytes 0");
    let findings = judge(Ok(Figures::new(&text, Vec::new())));
    let limits = findings.last().unwrap().to_string();
    assert!(limits.contains("3 of 100 connections; nothing was refused"), "{limits}");
}
