//! What is changed in the text of pages so that a link leads to the same place in the book: plain
//! functions over Markdown.

use std::path::PathBuf;

/// Where a link's target begins, in Markdown.
const TARGET: &str = "](";

/// The book's table of contents, in a folder directly under the root.
pub struct Summary {
    text: String,
    folder: &'static str,
}

impl Summary {
    /// From the table's text, and the folder in which it lies.
    pub fn new(text: &str, folder: &'static str) -> Self {
        Self { text: text.to_owned(), folder }
    }

    /// The pages' paths from the root, in their order.
    pub fn pages(&self) -> Vec<PathBuf> {
        let mut pages = Vec::new();
        each_target(&self.text, |target| {
            pages.push(PathBuf::from(self.rebased(target)));
            String::new()
        });
        pages
    }

    /// The table as it would be in the root.
    pub fn from_the_root(&self) -> String {
        each_target(&self.text, |target| self.rebased(target))
    }

    /// A path from the folder as a path from the root.
    fn rebased(&self, path: &str) -> String {
        match path.strip_prefix("../") {
            Some(from_root) => from_root.to_owned(),
            None => format!("{}/{path}", self.folder),
        }
    }
}

/// A path, or the text of a page with its links, in which a folder's page is called `index.md`: what
/// mdBook makes of a `README.md` is `index.html`, but the links to it remain.
pub fn with_index(markdown: &str) -> String {
    each_target(markdown, index_of)
}

/// A link's target, or a path, by the name that a folder's page has in the book.
pub fn index_of(target: &str) -> String {
    let (path, heading) = target.split_at(target.find('#').unwrap_or(target.len()));
    match path.strip_suffix("README.md") {
        Some(folder) if !target.contains("://") => format!("{folder}index.md{heading}"),
        _ => target.to_owned(),
    }
}

/// The text with another target in each link.
fn each_target(markdown: &str, mut other: impl FnMut(&str) -> String) -> String {
    let mut parts = markdown.split(TARGET);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (target, rest) = part.split_at(part.find(')').unwrap_or(part.len()));
        text.push_str(TARGET);
        text.push_str(&other(target));
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_from_the_root() {
        let text = "# Summary\n\n[What](../README.md)\n\n- [A](a.md)\n    - [B](b/c.md)\n";
        let summary = Summary::new(text, "docs");
        let pages = ["README.md", "docs/a.md", "docs/b/c.md"];
        assert_eq!(summary.pages(), pages.map(PathBuf::from));
        assert_eq!(
            summary.from_the_root(),
            "# Summary\n\n[What](README.md)\n\n- [A](docs/a.md)\n    - [B](docs/b/c.md)\n"
        );
    }

    #[test]
    fn a_table_without_pages_has_none() {
        let summary = Summary::new("# Summary\n", "docs");
        assert!(summary.pages().is_empty());
        assert_eq!(summary.from_the_root(), "# Summary\n");
    }

    #[test]
    fn a_folders_page_has_the_name_that_it_has_in_the_book() {
        let page = "a [b](../x/README.md#y), README.md and [c](README.md) [d](c.md#e) [f";
        let expected = "a [b](../x/index.md#y), README.md and [c](index.md) [d](c.md#e) [f";
        assert_eq!(with_index(page), expected);
        let elsewhere = "[g](https://example.org/README.md)";
        assert_eq!(with_index(elsewhere), elsewhere);
    }
}
