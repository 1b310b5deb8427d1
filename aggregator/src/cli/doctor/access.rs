//! What the token is good for, and who else gets in.

use super::finding::Finding;
use super::server::Admission;
use crate::cli::error::CliError;

const CHECK: &str = "access";

/// What is to be said of it.
pub(super) fn judge(admission: &Result<Admission, CliError>) -> Vec<Finding> {
    match admission {
        Ok(admission) => of_who_asks(admission),
        Err(error) => {
            let advice =
                "The server's log names what does not answer it: a file, or a node of the cluster.";
            vec![Finding::problem(CHECK, format!("no read is answered: {error}"), advice)]
        }
    }
}

fn of_who_asks(admission: &Admission) -> Vec<Finding> {
    let mut findings = vec![of_the_token(admission)];
    let is_open = admission.anonymous.is_ok();
    if is_open && !admission.is_loopback {
        findings.push(Finding::warning(
            CHECK,
            "no token is asked for: everybody who reaches the server may read and write",
            "Start it with --tokens, unless client certificates or the network keep others out.",
        ));
    }
    if !is_open && admission.has_token && admission.is_plain && !admission.is_loopback {
        findings.push(Finding::warning(
            CHECK,
            "the token passes the network in plain",
            "Use --tls-cert and --tls-key, or a proxy with TLS.",
        ));
    }
    findings
}

fn of_the_token(admission: &Admission) -> Finding {
    let (read, write) = (admission.read.is_ok(), admission.write.is_ok());
    if let Some(error) = other_failure(&admission.write) {
        let advice = "See what `ready` says, and the server's log.";
        return Finding::problem(CHECK, format!("no write is answered: {error}"), advice);
    }
    if is_unknown(&admission.read) {
        let (found, advice) = match admission.has_token {
            true => (
                "the token is not known",
                "Compare with `fas token list` there. A new one is known after 2 s.",
            ),
            false => ("a token is needed", "Give FAS_TOKEN or --token-file."),
        };
        return Finding::problem(CHECK, found, advice);
    }
    let scopes = match (read, write) {
        (true, true) => "read and write",
        (true, false) => "read",
        (false, true) => "write",
        (false, false) => "nothing",
    };
    let vpcs = match (read, admission.unlimited.is_ok()) {
        (_, true) => ", of all VPCs",
        (true, false) => ", of some VPCs",
        (false, false) => "",
    };
    let asked = if admission.anonymous.is_ok() { " (no token is asked for)" } else { "" };
    let found = format!("{scopes}{vpcs}{asked}");
    match admission.unlimited.is_ok() {
        true => Finding::ok(CHECK, found),
        false => Finding::warning(
            CHECK,
            found,
            "To see everything, use a token with the scope read and without a VPC.",
        ),
    }
}

fn is_unknown(outcome: &Result<(), CliError>) -> bool {
    matches!(outcome, Err(CliError::Refused(refusal)) if refusal.status == 401)
}

/// Why it failed, if for another reason than the token.
fn other_failure(outcome: &Result<(), CliError>) -> Option<&CliError> {
    outcome.as_ref().err().filter(|error| !error.is_about_access())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::cli::refusal::Refusal;

    fn outcome(status: u16) -> Result<(), CliError> {
        match status {
            200 => Ok(()),
            _ => Err(Refusal::new(status, b"", None).into()),
        }
    }

    /// By the statuses of a read without a token, a read, an unlimited read, and a write.
    fn admission([anonymous, read, unlimited, write]: [u16; 4]) -> Admission {
        Admission {
            has_token: true,
            is_loopback: false,
            is_plain: false,
            anonymous: outcome(anonymous),
            read: outcome(read),
            unlimited: outcome(unlimited),
            write: outcome(write),
        }
    }

    fn told(admission: &Admission) -> Vec<(Level, String)> {
        of_who_asks(admission).into_iter().map(|finding| (finding.level, finding.found)).collect()
    }

    fn one(statuses: [u16; 4]) -> (Level, String) {
        let mut told = told(&admission(statuses));
        assert_eq!(told.len(), 1, "{told:?}");
        told.remove(0)
    }

    #[test]
    fn scopes_are_named() {
        for (statuses, level, found) in [
            ([401, 200, 200, 200], Level::Ok, "read and write, of all VPCs"),
            ([401, 200, 200, 403], Level::Ok, "read, of all VPCs"),
            ([401, 200, 403, 200], Level::Warning, "read and write, of some VPCs"),
            ([401, 403, 403, 200], Level::Warning, "write"),
            ([401, 401, 401, 401], Level::Problem, "the token is not known"),
        ] {
            assert_eq!(one(statuses), (level, found.to_owned()), "{statuses:?}");
        }
        let nobody = Admission { has_token: false, ..admission([401, 401, 401, 401]) };
        assert_eq!(told(&nobody), [(Level::Problem, "a token is needed".to_owned())]);
    }

    #[test]
    fn a_store_that_takes_no_writes_is_not_the_tokens_fault() {
        let (level, found) = one([401, 200, 200, 503]);
        assert_eq!(level, Level::Problem);
        assert!(found.contains("503"), "{found}");
    }

    #[test]
    fn an_open_door_is_told_unless_it_is_this_machines() {
        let open = admission([200, 200, 200, 200]);
        let levels: Vec<Level> = of_who_asks(&open).iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Ok, Level::Warning]);
        let here = Admission { is_loopback: true, is_plain: true, ..open };
        assert_eq!(of_who_asks(&here).len(), 1);
        assert!(of_who_asks(&here)[0].found.contains("no token is asked for"));
    }

    #[test]
    fn a_token_in_plain_is_told() {
        let plain = Admission { is_plain: true, ..admission([401, 200, 200, 200]) };
        assert_eq!(of_who_asks(&plain)[1].level, Level::Warning);
        assert_eq!(of_who_asks(&admission([401, 200, 200, 200])).len(), 1);
        assert_eq!(of_who_asks(&Admission { is_loopback: true, ..plain }).len(), 1);
    }
}
