//! The holes of a value: `${name}` becomes what is bound to the name.

use super::Bindings;
use crate::{
    limits::MAX_CHUNK_BYTES,
    scenario::{
        node::{Key, Node, Place, Tree},
        reader::ReadError,
    },
};

/// In front of the fields of a request, which canned answers fill in; see `callouts::template`.
const LEFT_TO_REPLIES: &str = "body.";

/// Fills the holes of a value.
pub(super) fn fill(node: &Node, bindings: &Bindings) -> Result<Node, ReadError> {
    let tree = match &node.tree {
        Tree::Text(text) => fill_text(text, node.place, bindings)?,
        Tree::List(items) => {
            let item = |(index, item): (usize, &Node)| {
                fill(item, bindings).map_err(|error| error.inside(format!("[{index}]")))
            };
            Tree::List(items.iter().enumerate().map(item).collect::<Result<_, _>>()?)
        }
        Tree::Map(entries) => {
            let entry = |(key, value): &(Key, Node)| {
                let name = fill_text(&key.name, key.place, bindings)?.to_string();
                let value =
                    fill(value, bindings).map_err(|error| error.inside(key.name.as_str()))?;
                Ok((Key { place: key.place, name }, value))
            };
            Tree::Map(entries.iter().map(entry).collect::<Result<_, _>>()?)
        }
        scalar => scalar.clone(),
    };
    Ok(Node { place: node.place, tree })
}

/// A text that is one hole becomes the value itself, whatever it is.
fn fill_text(text: &str, place: Place, bindings: &Bindings) -> Result<Tree, ReadError> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            rest = after;
            continue;
        }
        filled.push_str(before);
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| ReadError::at(place, "`${` without `}`; a plain `${` is `$${`"))?;
        if name.starts_with(LEFT_TO_REPLIES) {
            filled.push_str(&format!("${{{name}}}"));
            rest = after;
            continue;
        }
        let value = bindings.get(name).ok_or_else(|| unknown(name, place, bindings))?;
        match &value.tree {
            // `${` and `}` are all that stands beside the name.
            tree if text.len() == name.len() + 3 => return Ok(tree.clone()),
            Tree::List(_) | Tree::Map(_) => {
                let reason =
                    format!("`${{{name}}}` is {}, which cannot be part of a text", value.tree);
                return Err(ReadError::at(place, reason));
            }
            scalar => filled.push_str(&scalar.to_string()),
        }
        rest = after;
        if filled.len() as u64 > MAX_CHUNK_BYTES {
            let reason = format!("with its parameters it has more than {MAX_CHUNK_BYTES} bytes");
            return Err(ReadError::at(place, reason));
        }
    }
    filled.push_str(rest);
    Ok(Tree::Text(filled))
}

fn unknown(name: &str, place: Place, bindings: &Bindings) -> ReadError {
    let known: Vec<&str> = bindings.keys().map(String::as_str).collect();
    let reason = format!(
        "`${{{name}}}`: there is no parameter `{name}`, only {}; a plain `${{` is `$${{`",
        known.join(", ")
    );
    ReadError::at(place, reason)
}
