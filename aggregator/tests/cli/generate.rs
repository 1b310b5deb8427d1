//! `fas generate`: a page for each command, and what shells complete.

use crate::program::{command, run};

#[test]
fn every_command_has_a_page_and_shells_know_them_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    assert_eq!(run(&mut command(&["generate", path])).good(), "");
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    let help = run(&mut command(&["help"])).good();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert!(commands.contains(&"serve") && commands.contains(&"doctor"), "{help}");
    assert!(!commands.contains(&"generate"), "{help}");
    let bash = read("completions/fas.bash");
    for name in commands {
        let page = read(&format!("man/man1/fas-{name}.1"));
        assert!(page.contains(".SH OPTIONS") || page.contains(".SH SUBCOMMANDS"), "{name}: {page}");
        assert!(bash.contains(&format!("fas,{name})")), "{name}");
    }
    assert!(read("man/man1/fas-doctor.1").contains("Exit codes"));
    assert!(read("man/man1/fas.1").contains("doctor"));
    for shell in ["completions/_fas", "completions/fas.fish"] {
        assert!(read(shell).contains("doctor"), "{shell}");
    }
}
