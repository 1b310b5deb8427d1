//! `Access`: what the one who makes a request may do, for handlers to ask and apply.

use std::sync::Arc;

use super::entry::{Entry, Scope};
use crate::store::{Filter, NameField, Pattern};

/// What a request's token allows; everything, when the service asks for no tokens.
#[derive(Clone, Debug)]
pub(crate) struct Access(Option<Arc<Entry>>);

/// Why something is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error("the token has not the scope {0}")]
    Scope(Scope),
    #[error("this takes a token that is not limited to certain VPCs")]
    Limited,
    #[error("element {index}: the token is not for the vpc_id {vpc_id:?}")]
    Vpc { index: usize, vpc_id: String },
}

impl Access {
    /// Everything is allowed to everybody.
    pub fn everything() -> Self {
        Self(None)
    }

    pub(super) fn of(entry: Arc<Entry>) -> Self {
        Self(Some(entry))
    }

    /// The token's name; empty without tokens. What clients choose, as idempotency keys, is theirs
    /// alone together with this.
    pub fn name(&self) -> &str {
        self.0.as_ref().map_or("", |entry| &entry.name)
    }

    /// Checks that a scope is allowed.
    pub fn check_scope(&self, scope: Scope) -> Result<(), Denied> {
        match &self.0 {
            Some(entry) if !entry.grants(scope) => Err(Denied::Scope(scope)),
            _ => Ok(()),
        }
    }

    /// Checks that all VPCs are allowed: for what cannot be told by VPC.
    pub fn check_unlimited(&self) -> Result<(), Denied> {
        if self.vpc_ids().is_some() { Err(Denied::Limited) } else { Ok(()) }
    }

    /// Makes a read see only what is allowed.
    pub fn restrict(&self, filter: &mut Filter) {
        if let Some(vpc_ids) = self.vpc_ids() {
            let allowed = vpc_ids.iter().cloned().map(Pattern::Exact).collect();
            filter.require(NameField::VpcId, allowed);
        }
    }

    /// Checks the `vpc_id`s of all flows of a write, in their order: it is allowed whole or not
    /// at all.
    pub fn check_write<'a>(&self, flows: impl Iterator<Item = &'a str>) -> Result<(), Denied> {
        let Some(allowed) = self.vpc_ids() else { return Ok(()) };
        for (index, vpc_id) in flows.enumerate() {
            if !allowed.iter().any(|allowed| allowed == vpc_id) {
                return Err(Denied::Vpc { index, vpc_id: vpc_id.to_owned() });
            }
        }
        Ok(())
    }

    fn vpc_ids(&self) -> Option<&[String]> {
        self.0.as_ref()?.vpc_ids.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::secret::Digest;
    use super::*;

    fn access(scopes: &[Scope], vpc_ids: Option<&[&str]>) -> Access {
        Access::of(Arc::new(Entry {
            name: "n".to_owned(),
            digest: Digest::of(b"x"),
            scopes: scopes.to_vec(),
            vpc_ids: vpc_ids.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()),
        }))
    }

    #[test]
    fn reads_of_a_limited_token_get_one_more_condition() {
        let limited = access(&[Scope::Read], Some(&["v1", "v2"]));
        let mut filter = Filter::default();
        filter.require(NameField::VpcId, vec![Pattern::Prefix("v".to_owned())]);
        limited.restrict(&mut filter);
        for (vpc_id, allowed) in [("v1", true), ("v2", true), ("v3", false), ("v11", false)] {
            assert_eq!(filter.allows(NameField::VpcId, vpc_id), allowed, "{vpc_id}");
        }
        for unlimited in [access(&[Scope::Read], None), Access::everything()] {
            let mut filter = Filter::default();
            unlimited.restrict(&mut filter);
            assert!(filter.is_empty());
            assert_eq!(unlimited.check_unlimited(), Ok(()));
        }
        assert_eq!(limited.check_unlimited(), Err(Denied::Limited));
    }

    #[test]
    fn a_write_of_a_limited_token_is_for_its_vpcs_alone() {
        // Admins with a limit are limited too.
        let limited = access(&[Scope::Admin], Some(&["v1"]));
        assert_eq!(limited.check_write(["v1", "v1"].into_iter()), Ok(()));
        let denied = limited.check_write(["v1", "v2", "v3"].into_iter());
        assert_eq!(denied, Err(Denied::Vpc { index: 1, vpc_id: "v2".to_owned() }));
        assert_eq!(access(&[Scope::Write], None).check_write(["v9"].into_iter()), Ok(()));
        assert_eq!(Access::everything().check_write(["v9"].into_iter()), Ok(()));
    }

    #[test]
    fn a_scope_is_asked_of_tokens_only() {
        let reader = access(&[Scope::Read], None);
        assert_eq!(reader.check_scope(Scope::Read), Ok(()));
        assert_eq!(reader.check_scope(Scope::Write), Err(Denied::Scope(Scope::Write)));
        assert_eq!(Access::everything().check_scope(Scope::Admin), Ok(()));
        assert_eq!((reader.name(), Access::everything().name()), ("n", ""));
    }
}
