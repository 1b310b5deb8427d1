//! The guide to scenarios, SCENARIOS.md: every example in it is run, and holds.

use crate::cli::Cli;

const GUIDE: &str = include_str!("../../SCENARIOS.md");

/// The fenced blocks of YAML, each with its line.
fn blocks() -> Vec<(usize, &'static str, String)> {
    let (mut blocks, mut open) = (Vec::new(), None);
    for (number, line) in GUIDE.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) if kind.starts_with("yaml") => {
                open = Some((number + 1, kind, String::new()));
            }
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some((_, _, text)), _) => *text += &format!("{line}\n"),
            _ => {}
        }
    }
    blocks
}

#[test]
fn every_example_holds() {
    let blocks = blocks();
    let head = blocks.iter().find(|(_, kind, _)| *kind == "yaml head").unwrap().2.clone();
    let examples = blocks.iter().filter(|(_, kind, _)| *kind == "yaml");
    let mut count = 0;
    for (line, _, text) in examples {
        let text = if text.starts_with("name:") { text.clone() } else { format!("{head}{text}") };
        let cli = Cli::new(&[]);
        cli.write("example.yaml", &text);
        for more in [&["--update"][..], &[]] {
            let run = ["run", "example.yaml", "--plugin", "plugin.wat"];
            let (code, printed) = cli.call(&[&run, more].concat());
            assert_eq!(code, 0, "SCENARIOS.md:{line}\n{printed}");
        }
        count += 1;
    }
    assert!(count >= 10, "{count} examples");
}

#[test]
fn every_step_and_expectation_is_in_the_guide() {
    let schema = host_sim::scenario::schema();
    let mut names = Vec::new();
    for one in ["Step", "Expect"] {
        let variants = schema["$defs"][one]["oneOf"].as_array().unwrap();
        for variant in variants {
            let named = variant["properties"].as_object().map(|object| object.keys().cloned());
            names.extend(named.into_iter().flatten());
            names.extend(variant["const"].as_str().map(str::to_owned));
            let listed = variant["enum"].as_array().into_iter().flatten();
            names.extend(listed.filter_map(|name| name.as_str().map(str::to_owned)));
        }
    }
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        let is_told = [format!("`{name}`"), format!("`{name}: "), format!("- {name}: ")]
            .iter()
            .any(|text| GUIDE.contains(text));
        assert!(is_told, "SCENARIOS.md says nothing of `{name}`");
    }
}
