//! A line of a script as WebAssembly: a host function is called with the arguments that the line has,
//! and what came of it is logged.

use std::fmt::Write;

use super::super::functions::{Function, Parameter, function};
use super::super::words::{bytes, pairs, words};
use super::{FIRST_TEXT, Maker};

/// Where the host writes what it gives: 8 bytes for each result.
const GIVEN: u32 = 0;

impl Maker {
    pub(super) fn operation(&mut self, text: &str) -> String {
        let (call, variable) = match text.rsplit_once(" > ") {
            Some((call, variable)) => (call, Some(variable)),
            None => (text, None),
        };
        let mut words = words(call);
        let name = words.remove(0);
        match name.as_str() {
            "return" => return self.answer(&words),
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

    /// What the callback answers: a number, or whether a variable is below one.
    fn answer(&mut self, words: &[String]) -> String {
        let answer = match words {
            [variable, less, bound] if less == "<" => {
                let variable = self.argument(Parameter::Number, variable);
                format!("(i32.lt_u {variable} (i32.const {bound}))")
            }
            _ => format!("(i32.const {})", words[0]),
        };
        format!("(local.set $answer {answer})\n")
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
                None if parameter == Parameter::Pieces => self.pieces(&bytes(word)),
                None => self.text(&bytes(word)),
            },
        }
    }

    /// The address of a list with one piece, and its length.
    fn pieces(&mut self, text: &[u8]) -> String {
        let at = FIRST_TEXT + self.texts.len();
        self.text(text);
        let piece = [at, text.len()].map(|word| u32::try_from(word).expect("texts are short"));
        let list = FIRST_TEXT + self.texts.len();
        self.text(piece.map(u32::to_le_bytes).as_flattened());
        format!("(i32.const {list}) (i32.const 1)")
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
