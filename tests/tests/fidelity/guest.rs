//! Makes a guest of a case's script: a WebAssembly module that does what the script says and logs
//! each callback with its arguments and each host call with what came of it.
//!
//! The modules are made here, without a compiler, so that a script can also give pointers that no
//! compiler would, leave out a callback, or trap.

use std::collections::BTreeSet;
use std::fmt::Write;

use flow_tests::programs;

use super::functions::{CALLBACKS, Function, Parameter, function};
use super::script::{Case, Section};
use super::words::{bytes, pairs, words};

const FIRST_TEXT: usize = 65_536;
/// Where the host writes what it gives: 8 bytes for each result.
const GIVEN: u32 = 0;

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
        .map(|callback| maker.callback(callback, &case.sections))
        .collect();
    let unknown = case
        .sections
        .iter()
        .find(|section| !CALLBACKS.iter().any(|(name, ..)| *name == section.callback));
    assert!(unknown.is_none(), "{}: no callback is {unknown:?}", case.title);
    let wat = maker.module(&callbacks);
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
    fn module(&self, callbacks: &str) -> String {
        let mut wat = String::from("(module\n");
        let log = ["log"];
        for name in self.imports.iter().chain(log.iter().filter(|it| !self.imports.contains(*it))) {
            let Function { import, parameters, .. } = function(name);
            let types: Vec<&str> = parameters.iter().map(|it| it.types()).collect();
            let types = types.join(" ");
            let _ = writeln!(
                wat,
                "(import \"env\" \"{import}\" (func ${name} (param {types}) (result i32)))"
            );
        }
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
        (name, count, answer): &(&str, usize, Option<u32>),
        sections: &[Section],
    ) -> String {
        let result = if answer.is_some() { "(result i32)" } else { "" };
        let mut code = format!(
            "(func (export \"proxy_on_{name}\") (param{}) {result}\n\
             (local $status i32) (local $answer i32)\n\
             (call $enter) (call $text {})\n",
            " i32".repeat(*count),
            self.text(name.as_bytes())
        );
        for argument in 0..*count {
            // The id of a queue is only known as what the guest calls it.
            let value = format!("(local.get {argument})");
            let number = format!("(call $number {value})");
            let is_id = *name == "queue_ready" && argument == 1;
            let shown = if is_id { self.named(&value, sections) } else { number };
            let _ = writeln!(code, "(call $space) {shown}");
        }
        let answer_code = format!("(local.set $answer (i32.const {}))", answer.unwrap_or(0));
        let _ = writeln!(
            code,
            "(call $flush) {answer_code}\n\
             (global.set $n_{name} (i32.add (global.get $n_{name}) (i32.const 1)))"
        );
        for section in sections.iter().filter(|section| section.callback == *name) {
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

    fn operation(&mut self, text: &str) -> String {
        let (call, variable) = match text.rsplit_once(" > ") {
            Some((call, variable)) => (call, Some(variable)),
            None => (text, None),
        };
        let mut words = words(call);
        let name = words.remove(0);
        match name.as_str() {
            "return" => return format!("(local.set $answer (i32.const {}))\n", words[0]),
            "trap" => return "unreachable\n".to_owned(),
            _ => {}
        }
        let out = words.last().and_then(|word| word.strip_prefix("out=")).map(str::to_owned);
        let given_at = out.as_ref().map_or(GIVEN, |address| address.parse().expect("an address"));
        words.truncate(words.len() - usize::from(out.is_some()));
        let function = function(&name);
        self.imports.insert(function.name);
        let (arguments, results) = self.arguments(&function, &words, given_at, text);
        let mut code = String::new();
        if out.is_none() {
            code.push_str("(memory.fill (i32.const 0) (i32.const 0) (i32.const 64))\n");
        }
        let _ = writeln!(code, "(local.set $status (call ${name} {arguments}))");
        let shown: String = call.chars().take(100).collect();
        let label = self.text(format!("  {shown} -> ").as_bytes());
        let _ = writeln!(code, "(call $text {label}) (call $number (local.get $status))");
        if out.is_none() {
            let shown = results.iter().map(|(result, at)| show(*result, *at, variable));
            let shown: String = shown.collect();
            let _ = writeln!(code, "(if (i32.eqz (local.get $status)) (then {shown}");
            if let Some(variable) = variable {
                self.variables.insert(variable.to_owned());
                let (_, at) = results.last().expect("the function gives something");
                let _ = write!(code, "(global.set $v_{variable} (i32.load (i32.const {at})))");
            }
            code.push_str("))\n");
        }
        code.push_str("(call $flush)\n");
        code
    }

    /// The arguments of a call, and where the host is to write its results.
    fn arguments(
        &mut self,
        function: &Function,
        words: &[String],
        given_at: u32,
        text: &str,
    ) -> (String, Vec<(Parameter, u32)>) {
        let (mut words, mut at) = (words.iter(), given_at);
        let (mut code, mut results) = (String::new(), Vec::new());
        for parameter in &function.parameters {
            if parameter.is_given() {
                results.push((*parameter, at));
                let _ = write!(code, " (i32.const {at})");
                if parameter.types() == "i32 i32" {
                    let _ = write!(code, " (i32.const {})", at.wrapping_add(4));
                }
                at = at.wrapping_add(8);
            } else {
                let word = words.next().unwrap_or_else(|| panic!("too few words: {text}"));
                let _ = write!(code, " {}", self.argument(*parameter, word));
            }
        }
        assert!(words.next().is_none(), "too many words: {text}");
        (code, results)
    }

    fn argument(&mut self, parameter: Parameter, word: &str) -> String {
        match parameter {
            Parameter::Long => format!("(i64.const {word})"),
            Parameter::Number => match word.strip_prefix('$') {
                Some(variable) => {
                    self.variables.insert(variable.to_owned());
                    format!("(global.get $v_{variable})")
                }
                None => format!("(i32.const {word})"),
            },
            _ => match word.strip_prefix('@') {
                Some(raw) => {
                    let (address, size) = raw.split_once('+').expect("address+size");
                    format!("(i32.const {address}) (i32.const {size})")
                }
                None if parameter == Parameter::Path => {
                    self.text(&bytes(&word.replace('.', "\\00")))
                }
                // What begins so is not made of pairs, but meant to be damaged.
                None if parameter == Parameter::Pairs && !word.starts_with('\\') => {
                    self.text(&serialised(word))
                }
                None => self.text(&bytes(word)),
            },
        }
    }
}

fn show(result: Parameter, at: u32, variable: Option<&str>) -> String {
    let load = |at: u32| format!("(i32.load (i32.const {at}))");
    let shown = match (result, variable) {
        (Parameter::GivesNumber, Some(_)) => "(call $put (i32.const 36))".to_owned(),
        (Parameter::GivesNumber, None) => format!("(call $number {})", load(at)),
        (Parameter::GivesLong, _) => format!("(call $number64 (i64.load (i32.const {at})))"),
        // Later than 2001.
        (Parameter::GivesTime, _) => format!(
            "(call $number (i64.gt_u (i64.load (i32.const {at})) (i64.const 1000000000000000000)))"
        ),
        (Parameter::GivesPairs, _) => format!("(call $pairs {} {})", load(at), load(at + 4)),
        _ => format!("(call $quoted {} {})", load(at), load(at + 4)),
    };
    format!("(call $space) {shown}")
}

/// Pairs as the ABI has them.
fn serialised(word: &str) -> Vec<u8> {
    let pairs: Vec<(Vec<u8>, Vec<u8>)> =
        pairs(word).iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
    if pairs.is_empty() {
        return Vec::new();
    }
    let word = |length: usize| u32::try_from(length).expect("texts are short").to_le_bytes();
    let mut data = word(pairs.len()).to_vec();
    for (name, value) in &pairs {
        data.extend(word(name.len()));
        data.extend(word(value.len()));
    }
    for part in pairs.iter().flat_map(|(name, value)| [name, value]) {
        data.extend(part);
        data.push(0);
    }
    data
}
