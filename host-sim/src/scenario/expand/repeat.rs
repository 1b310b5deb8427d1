//! Repetitions: one whose rounds differ is written out, any other stays as short as it is.

use super::{Bindings, bind, check_name, fill, steps};
use crate::{
    limits::MAX_WRITTEN_OUT_STEPS,
    scenario::{
        node::{Key, Node, Tree},
        reader::ReadError,
    },
};

/// A repetition with its rounds written out, if they differ.
pub(super) fn repetition(
    step: &Node,
    repeat: &Node,
    bindings: &Bindings,
    written_out: &mut u64,
) -> Result<Node, ReadError> {
    let (Tree::Map(outer), Tree::Map(entries)) = (&step.tree, &repeat.tree) else {
        return fill(step, bindings);
    };
    check_fields(entries)?;
    let field = |name: &str| -> Result<Option<Node>, ReadError> {
        let value = repeat.get(name).map(|value| fill(value, bindings)).transpose();
        value.map_err(|error| error.inside(name))
    };
    let (times, each, index) = (field("times")?, field("each")?, field("index")?);
    let body = repeat
        .get("steps")
        .ok_or_else(|| ReadError::at(repeat.place, "there is no field `steps`"))?;
    let rows = rows(repeat, times.as_ref(), each)?;
    let key = |name: &str| Key { place: repeat.place, name: name.to_owned() };
    let content = match (rows, index) {
        (Rounds::Times(times), None) => {
            let body = steps(body, bindings, written_out).map_err(|error| error.inside("steps"))?;
            vec![(key("times"), times), (key("steps"), body)]
        }
        (rounds, index) => {
            let rounds = rounds.rows()?;
            let body = write_out(&rounds, index.as_ref(), body, bindings, written_out)?;
            vec![(key("rounds"), Node { place: repeat.place, tree: Tree::List(body) })]
        }
    };
    let content = Node { place: repeat.place, tree: Tree::Map(content) };
    let mut filled = Vec::new();
    for (key, value) in outer {
        let value = if key.name == "repeat" { content.clone() } else { value.clone() };
        filled.push((key.clone(), value));
    }
    Ok(Node { place: step.place, tree: Tree::Map(filled) })
}

fn check_fields(entries: &[(Key, Node)]) -> Result<(), ReadError> {
    const FIELDS: [&str; 4] = ["times", "each", "index", "steps"];
    let unknown = entries.iter().find(|(key, _)| !FIELDS.contains(&key.name.as_str()));
    unknown.map_or(Ok(()), |(key, _)| {
        let reason = format!("unknown field `{}`, expected one of {}", key.name, FIELDS.join(", "));
        Err(ReadError::at(key.place, reason))
    })
}

enum Rounds {
    Times(Node),
    Each(Vec<Node>),
}

impl Rounds {
    fn rows(self) -> Result<Vec<Option<Node>>, ReadError> {
        match self {
            Self::Each(rows) => Ok(rows.into_iter().map(Some).collect()),
            Self::Times(times) => match times.tree {
                Tree::Integer(count) => {
                    let count = u64::try_from(count).ok().filter(|n| *n <= MAX_WRITTEN_OUT_STEPS);
                    let count = count.and_then(|count| usize::try_from(count).ok());
                    count.map(|count| vec![None; count]).ok_or_else(|| {
                        let reason = format!(
                            "a repetition with `index` has 0 to {MAX_WRITTEN_OUT_STEPS} rounds"
                        );
                        ReadError::at(times.place, reason).inside("times")
                    })
                }
                other => {
                    let reason = format!("a number is wanted; here is {other}");
                    Err(ReadError::at(times.place, reason).inside("times"))
                }
            },
        }
    }
}

fn rows(repeat: &Node, times: Option<&Node>, each: Option<Node>) -> Result<Rounds, ReadError> {
    match (times, each) {
        (Some(times), None) => Ok(Rounds::Times(times.clone())),
        (None, Some(Node { tree: Tree::List(rows), .. })) => Ok(Rounds::Each(rows)),
        (None, Some(each)) => {
            Err(ReadError::at(each.place, "a list of mappings is wanted").inside("each"))
        }
        _ => {
            let reason = "either `times`, a number, or `each`, a list of mappings, is wanted";
            Err(ReadError::at(repeat.place, reason))
        }
    }
}

fn write_out(
    rows: &[Option<Node>],
    index: Option<&Node>,
    body: &Node,
    bindings: &Bindings,
    written_out: &mut u64,
) -> Result<Vec<Node>, ReadError> {
    let round = |(number, row): (usize, &Option<Node>)| {
        let mut bindings = bindings.clone();
        if let Some(row) = row {
            bind(row, &mut bindings)
                .map_err(|error| error.inside(format!("[{number}]")).inside("each"))?;
        }
        if let Some(index) = index {
            let key = Key { place: index.place, name: index.tree.to_string() };
            check_name(&key).map_err(|error| error.inside("index"))?;
            let value = Tree::Integer(i64::try_from(number).unwrap_or(i64::MAX));
            bindings.insert(key.name, Node { place: index.place, tree: value });
        }
        steps(body, &bindings, written_out).map_err(|error| error.inside("steps"))
    };
    rows.iter().enumerate().map(round).collect()
}
