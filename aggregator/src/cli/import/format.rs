//! `InputFormat`: what an input is made of.

use std::path::Path;

use clap::ValueEnum;

/// What an input is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum InputFormat {
    /// A JSON array of flows
    Json,
    /// A flow as a JSON object on each line
    Ndjson,
    /// A line of column names, then a flow on each line
    Csv,
}

impl InputFormat {
    /// By an input's name and how it begins. `.json` is used for arrays and for lines.
    pub fn guess(name: &str, head: &[u8]) -> Self {
        let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
        match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("ndjson" | "jsonl") => Self::Ndjson,
            Some("csv") => Self::Csv,
            _ => match head.trim_ascii_start().first() {
                Some(b'[') => Self::Json,
                Some(b'{') => Self::Ndjson,
                _ => Self::Csv,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides_or_else_the_first_character() {
        for (name, head, format) in [
            ("a.csv", "[", InputFormat::Csv),
            ("a.NDJSON", "[", InputFormat::Ndjson),
            ("a.jsonl", "", InputFormat::Ndjson),
            ("a.json", " \n[{", InputFormat::Json),
            ("a.json", "{", InputFormat::Ndjson),
            ("-", "[", InputFormat::Json),
            ("flows", "hour,src_app", InputFormat::Csv),
        ] {
            assert_eq!(InputFormat::guess(name, head.as_bytes()), format, "{name} {head}");
        }
    }
}
