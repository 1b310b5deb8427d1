//! `Query`: the parameters of a request.

use form_urlencoded::Serializer;

/// Parameters in their order; a name may stand there several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Adds a parameter.
    pub fn push(&mut self, name: &'static str, value: impl ToString) {
        self.0.push((name, value.to_string()));
    }

    /// The same with one more parameter.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.push(name, value);
        self
    }

    /// As it stands in an address.
    pub fn encode(&self) -> String {
        Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_names_repeat() {
        let query =
            Query::default().with("src_app", "a&b=c*").with("src_app", "ü +").with("hour", 3);
        assert_eq!(query.encode(), "src_app=a%26b%3Dc*&src_app=%C3%BC+%2B&hour=3");
    }
}
