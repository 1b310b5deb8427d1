//! The names of several sources as one list in order, and where each source's names are in it.

use flow_model::Name;

use super::cursor::Cursor;

/// The union of the cursors' names, and for each cursor the places of its names.
pub(super) fn union(cursors: &[Cursor]) -> (Vec<Name<'static>>, Vec<Vec<u32>>) {
    let mut all: Vec<(&Name<'static>, usize, usize)> = Vec::new();
    for (source, cursor) in cursors.iter().enumerate() {
        all.extend(cursor.names().enumerate().map(|(id, name)| (name, source, id)));
    }
    all.sort_unstable();
    let mut places: Vec<Vec<u32>> =
        cursors.iter().map(|cursor| vec![0; cursor.names().count()]).collect();
    let mut names: Vec<Name<'static>> = Vec::new();
    let mut next_place = 0;
    for (name, source, id) in all {
        if names.last() != Some(name) {
            names.push(name.clone());
            next_place += 1;
        }
        if let Some(place) = places.get_mut(source).and_then(|places| places.get_mut(id)) {
            *place = next_place - 1;
        }
    }
    (names, places)
}
