//! Whether anybody is there, who it is, and whether it takes writes.

use super::finding::Finding;
use super::server::{Contact, Description, Server};
use crate::cli::error::CliError;

/// What the interface calls itself.
const TITLE: &str = "Flow Aggregation Service";

const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The first answer, if there is one.
pub(super) fn contact(server: &Server) -> (Option<Contact>, Vec<Finding>) {
    let check = "reachable";
    match server.contact() {
        Ok(contact) => {
            let found = format!("{} answers in {} ms", server.url.as_str(), contact.took_ms);
            (Some(contact), vec![Finding::ok(check, found)])
        }
        Err(error) => {
            let advice = match error {
                CliError::Refused(_) => "Something answers there, but not fas: check --url.",
                _ => remedy(&error.to_string()),
            };
            (None, vec![Finding::problem(check, error.to_string(), advice)])
        }
    }
}

/// What to do about a way there that does not work, by what the libraries call the fault.
fn remedy(fault: &str) -> &'static str {
    let known = [
        ("certificate expired", "Renew the server's certificate, unless the clock here is wrong."),
        ("not valid yet", "Is the clock here right? Else it has a certificate for later."),
        ("not valid for name", "Its certificate is for another name: ask by that one (--url)."),
        ("UnknownIssuer", "Give the certificate of the authority that vouches for it: --ca."),
        ("received fatal alert", "It wants a certificate that it trusts: --cert and --key."),
        ("InvalidContentType", "It does not speak TLS there: is it http://?"),
        ("http parse fail", "It does not speak plain HTTP there: is it https://?"),
    ];
    let found = known.iter().find(|(words, _)| fault.contains(words));
    found.map_or("Is fas running, and is this its address (--url)?", |(_, advice)| advice)
}

/// Whether it can be `fas`, as far as is known.
pub(super) fn may_be_fas(described: &Result<Description, CliError>) -> bool {
    match described {
        Ok(described) => described.info.title == TITLE,
        Err(CliError::Refused(refusal)) => !refusal.is_about_what_is_asked(),
        Err(error) => !matches!(error, CliError::Unexpected(_)),
    }
}

/// Who it is.
pub(super) fn version(described: &Result<Description, CliError>) -> Finding {
    let check = "version";
    match described {
        Ok(described) if described.info.title != TITLE => {
            let found = format!("the server calls itself {:?}", described.info.title);
            Finding::problem(check, found, "Something answers there, but not fas: check --url.")
        }
        Ok(described) if described.info.version != OWN_VERSION => {
            let theirs = &described.info.version;
            let found = format!("the server is fas {theirs}, this is fas {OWN_VERSION}");
            Finding::warning(check, found, "Use the same version, or trust no check that fails.")
        }
        Ok(described) => Finding::ok(check, format!("fas {}", described.info.version)),
        Err(error) => {
            let advice = "Something answers there, but not fas, or an old one: check --url.";
            Finding::problem(check, error.to_string(), advice)
        }
    }
}

/// Whether it takes writes.
pub(super) fn ready(readiness: &Result<(), CliError>) -> Finding {
    let check = "ready";
    match readiness {
        Ok(()) => Finding::ok(check, "it takes writes and reads"),
        Err(error) => {
            let advice = "The server's log has the reason. A disk that was full: make room and \
                          restart. A cluster: are its primaries and replicas there?";
            Finding::problem(check, error.to_string(), advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::server::Info;
    use super::*;
    use crate::cli::refusal::Refusal;

    #[test]
    fn another_program_is_told_from_another_version() {
        let described = |title: &str, version: &str| {
            let info = Info { title: title.to_owned(), version: version.to_owned() };
            version_level(Ok(Description { info }))
        };
        assert_eq!(described(TITLE, OWN_VERSION), Level::Ok);
        assert_eq!(described(TITLE, "99.0.0"), Level::Warning);
        assert_eq!(described("A petstore", OWN_VERSION), Level::Problem);
        assert_eq!(version_level(Err(CliError::Unexpected(String::new()))), Level::Problem);
    }

    fn version_level(described: Result<Description, CliError>) -> Level {
        version(&described).level
    }

    #[test]
    fn what_keeps_it_from_being_ready_is_told() {
        assert_eq!(ready(&Ok(())).level, Level::Ok);
        let refusal = Refusal::new(503, br#"{"detail":"the store takes no writes"}"#, None);
        let finding = ready(&Err(refusal.into()));
        assert_eq!(finding.level, Level::Problem);
        assert!(finding.found.contains("the store takes no writes"), "{finding}");
    }
}
