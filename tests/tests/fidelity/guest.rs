//! Makes a guest of a case's script: a WebAssembly module that does what the script says and logs
//! each callback with its arguments and each host call with what came of it. What a line of the
//! script becomes is left to `operation`.
//!
//! The modules are made here, without a compiler, so that a script can also give pointers that no
//! compiler would, leave out a callback, or trap.

use std::collections::BTreeSet;
use std::fmt::Write;

use flow_tests::programs;

use super::functions::{CALLBACKS, Function, argument_count, function};
use super::script::{Case, Section};

#[path = "guest/operation.rs"]
mod operation;

/// Where the texts begin.
const FIRST_TEXT: usize = 65_536;

/// The module of a case's guest.
pub fn module(case: &Case) -> Vec<u8> {
    if let Some(language) = &case.guest {
        let path = programs::guest(language);
        return std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let mut maker = Maker::default();
    let callbacks: String = CALLBACKS
        .iter()
        .filter(|(name, ..)| !case.without.iter().any(|without| without == name))
        .map(|(name, count, answer)| {
            let count = argument_count(&case.abi, name, *count);
            maker.callback((name, count, *answer), &case.sections)
        })
        .collect();
    let unknown = case
        .sections
        .iter()
        .find(|section| !CALLBACKS.iter().any(|(name, ..)| *name == section.callback));
    assert!(unknown.is_none(), "{}: no callback is {unknown:?}", case.title);
    let wat = maker.module(&callbacks, &case.abi);
    wat::parse_str(&wat).unwrap_or_else(|error| panic!("{}: {error}\n{wat}", case.title))
}

/// What the module has besides the callbacks.
#[derive(Default)]
struct Maker {
    imports: BTreeSet<&'static str>,
    variables: BTreeSet<String>,
    texts: Vec<u8>,
}

impl Maker {
    fn module(&self, callbacks: &str, abi: &str) -> String {
        let mut wat = String::from("(module\n");
        let log = ["log"];
        for name in self.imports.iter().chain(log.iter().filter(|it| !self.imports.contains(*it))) {
            let Function { module, import, parameters, .. } = function(name);
            let types: Vec<&str> = parameters.iter().map(|it| it.types()).collect();
            let types = types.join(" ");
            let _ = writeln!(
                wat,
                "(import \"{module}\" \"{import}\" (func ${name} (param {types}) (result i32)))"
            );
        }
        let version = abi.replace('.', "_");
        let _ = writeln!(wat, "(func (export \"proxy_abi_version_{version}\"))");
        let heap = (FIRST_TEXT + self.texts.len()).next_multiple_of(65_536);
        let pages = heap / 65_536 + 48;
        let _ = writeln!(wat, "(memory (export \"memory\") {pages})");
        let _ = writeln!(wat, "(global $heap_base i32 (i32.const {heap}))");
        for variable in &self.variables {
            let _ = writeln!(wat, "(global $v_{variable} (mut i32) (i32.const -7))");
        }
        for (name, ..) in CALLBACKS {
            let _ = writeln!(wat, "(global $n_{name} (mut i32) (i32.const 0))");
        }
        wat.push_str(include_str!("prelude.wat"));
        wat.push_str(callbacks);
        let _ = write!(wat, "(data (i32.const {FIRST_TEXT}) \"");
        for byte in &self.texts {
            let _ = write!(wat, "\\{byte:02x}");
        }
        wat.push_str("\"))");
        wat
    }

    /// The address and the size of a text, as two constants.
    fn text(&mut self, text: &[u8]) -> String {
        let at = FIRST_TEXT + self.texts.len();
        self.texts.extend_from_slice(text);
        format!("(i32.const {at}) (i32.const {})", text.len())
    }

    fn callback(
        &mut self,
        (name, count, answer): (&str, usize, Option<u32>),
        sections: &[Section],
    ) -> String {
        let result = if answer.is_some() { "(result i32)" } else { "" };
        let mut code = format!(
            "(func (export \"proxy_on_{name}\") (param{}) {result}\n\
             (local $status i32) (local $answer i32)\n\
             (call $enter) (call $text {})\n",
            " i32".repeat(count),
            self.text(name.as_bytes())
        );
        for argument in 0..count {
            // The id of a queue is only known as what the guest calls it.
            let value = format!("(local.get {argument})");
            let number = format!("(call $number {value})");
            let is_id = name == "queue_ready" && argument == 1;
            let shown = if is_id { self.named(&value, sections) } else { number };
            let _ = writeln!(code, "(call $space) {shown}");
        }
        let answer_code = format!("(local.set $answer (i32.const {}))", answer.unwrap_or(0));
        let _ = writeln!(
            code,
            "(call $flush) {answer_code}\n\
             (global.set $n_{name} (i32.add (global.get $n_{name}) (i32.const 1)))"
        );
        for section in sections.iter().filter(|section| section.callback == name) {
            code.push_str(&self.section(section));
        }
        code.push_str("(call $leave)");
        code.push_str(if answer.is_some() { " (local.get $answer))\n" } else { ")\n" });
        code
    }

    /// Logs the name of the variable that has this value, or else a question mark.
    fn named(&mut self, value: &str, sections: &[Section]) -> String {
        let operations = sections.iter().flat_map(|section| &section.operations);
        let names: BTreeSet<String> = operations
            .filter_map(|operation| operation.rsplit_once(" > "))
            .map(|(_, name)| name.to_owned())
            .collect();
        let mut code = String::new();
        for name in names {
            let _ = write!(
                code,
                "(if (i32.eq {value} (global.get $v_{name})) (then (call $text {})))",
                self.text(name.as_bytes())
            );
            self.variables.insert(name);
        }
        code
    }

    fn section(&mut self, section: &Section) -> String {
        let nth = section.nth.map_or("(i32.const 1)".to_owned(), |nth| {
            format!("(i32.eq (global.get $n_{}) (i32.const {nth}))", section.callback)
        });
        let context = section.context.map_or("(i32.const 1)".to_owned(), |context| {
            format!("(i32.eq (local.get 0) (i32.const {context}))")
        });
        let operations = section.operations.iter().map(|operation| self.operation(operation));
        let operations: String = operations.collect();
        format!("(if (i32.and {nth} {context}) (then\n{operations}))\n")
    }
}
