//! Text as logs and terminals show it.

/// A text without its line breaks: a message is one line, whoever wrote it.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined() {
        let panic = "assertion `left == right` failed: bad\n  left: [0]\n right: [2]\n";
        assert_eq!(one_line(panic), "assertion `left == right` failed: bad left: [0] right: [2]");
    }
}
