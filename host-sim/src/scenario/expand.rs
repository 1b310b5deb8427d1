//! Fills in what a scenario leaves open: `${name}` becomes a parameter, a scenario with cases
//! becomes one for each, and a repetition whose rounds differ is written out.

mod fill;
mod repeat;

use std::collections::{BTreeMap, BTreeSet};

use self::{fill::fill, repeat::repetition};
use super::{
    node::{Key, Node, Place, Tree},
    reader::ReadError,
};
use crate::limits::MAX_WRITTEN_OUT_STEPS;

/// The values of parameters, by name.
pub(crate) type Bindings = BTreeMap<String, Node>;

/// One case of a scenario.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: Option<String>,
    pub(crate) document: Node,
}

/// The cases of a document; one without a name if it has no `cases`.
pub(crate) fn expand(document: &Node, set: &Bindings, seed: u64) -> Result<Vec<Case>, ReadError> {
    let mut bindings = parameters(document)?;
    for (name, value) in set {
        if !bindings.contains_key(name) {
            let known: Vec<&str> = bindings.keys().map(String::as_str).collect();
            let reason = format!(
                "the scenario has no parameter `{name}` that could be set; it has {}",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            );
            return Err(ReadError::at(Place::default(), reason));
        }
        bindings.insert(name.clone(), value.clone());
    }
    bindings.insert("seed".to_owned(), text(document.place, &seed.to_string()));
    let Some(cases) = document.get("cases") else {
        return Ok(vec![Case { name: None, document: fill_document(document, &bindings)? }]);
    };
    let Tree::List(items) = &cases.tree else {
        return Err(ReadError::at(cases.place, "cases are a list of mappings").inside("cases"));
    };
    let case = |(index, item): (usize, &Node)| {
        let mut bindings = bindings.clone();
        let name = bind_case(item, index, &mut bindings)
            .map_err(|error| error.inside(format!("[{index}]")).inside("cases"))?;
        let document = fill_document(document, &bindings)
            .map_err(|error| error.inside(format!("(case {name})")))?;
        Ok(Case { name: Some(name), document })
    };
    let cases = items.iter().enumerate().map(case).collect::<Result<Vec<Case>, _>>()?;
    check_case_names(items, &cases)?;
    Ok(cases)
}

/// By its name a case is run alone, finds its golden files, and stands in reports.
fn check_case_names(items: &[Node], cases: &[Case]) -> Result<(), ReadError> {
    let mut names = BTreeSet::new();
    for (index, (item, case)) in items.iter().zip(cases).enumerate() {
        if let Some(name) = case.name.as_ref().filter(|name| !names.insert(name.as_str())) {
            let reason = format!("another case is called `{name}`, too");
            let error = ReadError::at(item.place, reason);
            return Err(error.inside(format!("[{index}]")).inside("cases"));
        }
    }
    Ok(())
}

fn parameters(document: &Node) -> Result<Bindings, ReadError> {
    let Some(node) = document.get("parameters") else { return Ok(Bindings::new()) };
    let Tree::Map(entries) = &node.tree else {
        return Err(ReadError::at(node.place, "parameters are names with their usual values")
            .inside("parameters"));
    };
    entries
        .iter()
        .map(|(key, value)| {
            check_name(key).map_err(|error| error.inside("parameters"))?;
            Ok((key.name.clone(), value.clone()))
        })
        .collect()
}

/// A name must be one that `${name}` can find.
fn check_name(key: &Key) -> Result<(), ReadError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if key.name.is_empty() || !key.name.chars().all(is_plain) {
        let reason = format!("`{}`: a name has letters, digits, _ and - only", key.name);
        return Err(ReadError::at(key.place, reason));
    }
    if ["case", "seed"].contains(&key.name.as_str()) {
        let reason = format!("`{}` has a meaning of its own: take another name", key.name);
        return Err(ReadError::at(key.place, reason));
    }
    Ok(())
}

/// Binds the values of a case; gives its name, which is its number where it has none.
fn bind_case(case: &Node, index: usize, bindings: &mut Bindings) -> Result<String, ReadError> {
    let name = match case.get("name") {
        Some(name) => name.tree.to_string(),
        None => (index + 1).to_string(),
    };
    bind(case, bindings)?;
    bindings.insert("case".to_owned(), text(case.place, &name));
    Ok(name)
}

fn bind(row: &Node, bindings: &mut Bindings) -> Result<(), ReadError> {
    let Tree::Map(entries) = &row.tree else {
        return Err(ReadError::at(row.place, "a mapping of names to values is wanted"));
    };
    for (key, value) in entries {
        check_name(key)?;
        bindings.insert(key.name.clone(), fill(value, bindings)?);
    }
    Ok(())
}

fn text(place: Place, text: &str) -> Node {
    Node { place, tree: Tree::Text(text.to_owned()) }
}

fn fill_document(document: &Node, bindings: &Bindings) -> Result<Node, ReadError> {
    let Tree::Map(entries) = &document.tree else { return Ok(document.clone()) };
    let mut filled = Vec::new();
    let mut written_out = 0;
    for (key, value) in entries {
        let value = match key.name.as_str() {
            "parameters" | "cases" => continue,
            "steps" => steps(value, bindings, &mut written_out),
            _ => fill(value, bindings),
        };
        let value = value.map_err(|error| error.inside(key.name.as_str()))?;
        filled.push((key.clone(), value));
    }
    Ok(Node { place: document.place, tree: Tree::Map(filled) })
}

fn steps(list: &Node, bindings: &Bindings, written_out: &mut u64) -> Result<Node, ReadError> {
    let Tree::List(items) = &list.tree else { return fill(list, bindings) };
    let step = |(index, item): (usize, &Node)| {
        *written_out += 1;
        if *written_out > MAX_WRITTEN_OUT_STEPS {
            let reason = format!(
                "repetitions whose rounds differ are written out, which makes more than \
                 {MAX_WRITTEN_OUT_STEPS} steps; a repetition without `index` and `each` is not"
            );
            return Err(ReadError::at(item.place, reason));
        }
        let filled = match item.get("repeat") {
            Some(repeat) => repetition(item, repeat, bindings, written_out)
                .map_err(|error| error.inside("repeat")),
            None => fill(item, bindings),
        };
        filled.map_err(|error| error.inside(format!("[{index}]")))
    };
    let items = items.iter().enumerate().map(step).collect::<Result<_, _>>()?;
    Ok(Node { place: list.place, tree: Tree::List(items) })
}
