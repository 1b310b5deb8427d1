//! Adding flows up by groups, and finding the largest groups.
//!
//! Within an hour, names are numbers and so are groups. Where it is all one table in memory, groups
//! are cells of a matrix, if that is not too large, and where no two keys fall into one group, they
//! need no table at all.

mod groups;
mod matrix;
mod top;

use flow_model::Name;

use self::groups::{GroupIds, Grouping};
use self::matrix::Matrix;
use self::top::Top;
use super::hour_table::{HourSnapshot, KeyIds};
use super::hour_view::{HourView, allowed, passes};
use super::names::NameId;
use super::scan::read_error;
use crate::store::{GroupBy, GroupKey, OrderBy, ReadError, Selection, Sides, Summary, Totals};

/// The `limit` largest groups of the selected flows of some hours, and the rest.
pub(super) fn summarize(
    views: &[HourView],
    selection: &Selection,
    group_by: GroupBy,
    order_by: OrderBy,
    limit: usize,
) -> Result<Summary, ReadError> {
    if let [view] = views
        && let Some(table) = view.as_table()
    {
        return Ok(of_table(view, table, selection, group_by, order_by, limit));
    }
    let mut grouping = Grouping::new(group_by);
    let mut names = UnitedNames::default();
    for view in views {
        let mut places: Vec<NameId> = Vec::new();
        let mut rows = view.rows(&selection.filter, None).map_err(read_error)?;
        while let Some(record) = rows.next().map_err(read_error)? {
            let Some(sides) = record.sides.selected(selection.reporter) else { continue };
            let key = record.key.map(|id| names.place(&mut places, id, || rows.name(id)));
            grouping.add(key, view.hour(), &Totals::of(sides.reconciled()));
        }
    }
    let name = |id: NameId| names.list.get(id as usize);
    let mut top = Top::new(order_by, limit, name);
    grouping.into_groups().for_each(|(ids, totals)| top.offer(ids, totals));
    Ok(top.into_summary())
}

/// The same for an hour that is one table.
fn of_table(
    view: &HourView,
    table: &HourSnapshot,
    selection: &Selection,
    group_by: GroupBy,
    order_by: OrderBy,
    limit: usize,
) -> Summary {
    let allowed = allowed(&selection.filter, || table.names.iter());
    let is_open = selection.filter.is_empty();
    let counters = |key: &KeyIds, sides: Sides| {
        let sides = sides.selected(selection.reporter)?;
        (is_open || passes(&allowed, key)).then(|| sides.reconciled())
    };
    let mut top = Top::new(order_by, limit, |id: NameId| table.names.get(id as usize));
    if keys_are_groups(table, group_by) {
        table.for_each(|key, sides| {
            if let Some(counters) = counters(key, sides) {
                let ids = GroupIds::of(group_by, *key, view.hour());
                top.offer(ids, Totals::of(counters));
            }
        });
    } else if let Some(mut matrix) = Matrix::of(group_by, table, view.hour()) {
        table.for_each(|key, sides| {
            if let Some(counters) = counters(key, sides) {
                matrix.add(key, counters);
            }
        });
        matrix.groups().for_each(|(ids, totals)| top.offer(ids, totals));
    } else {
        let mut grouping = Grouping::new(group_by);
        table.for_each(|key, sides| {
            if let Some(counters) = counters(key, sides) {
                grouping.add(*key, view.hour(), &Totals::of(counters));
            }
        });
        grouping.into_groups().for_each(|(ids, totals)| top.offer(ids, totals));
    }
    top.into_summary()
}

/// Whether each key is a group of its own: the fields that are left out say the same in all.
fn keys_are_groups(table: &HourSnapshot, group_by: GroupBy) -> bool {
    let Some(first) = table.keys().next() else { return true };
    let [src_app, dest_app, vpc_id] = group_by.names;
    let same = |[a, b, c]: &KeyIds| {
        let [first_a, first_b, first_c] = first;
        (src_app || a == first_a) && (dest_app || b == first_b) && (vpc_id || c == first_c)
    };
    table.keys().all(same)
}

/// The names of all hours of a read, each with one number.
#[derive(Default)]
struct UnitedNames {
    list: Vec<Name<'static>>,
    ids: std::collections::HashMap<Name<'static>, NameId>,
}

impl UnitedNames {
    /// The number here of an hour's name; `places` remembers those of the hour.
    fn place<'a>(
        &mut self,
        places: &mut Vec<NameId>,
        id: NameId,
        name: impl Fn() -> Option<&'a Name<'static>>,
    ) -> NameId {
        const UNKNOWN: NameId = NameId::MAX;
        if places.len() <= id as usize {
            places.resize(id as usize + 1, UNKNOWN);
        }
        let Some(place) = places.get_mut(id as usize) else { return UNKNOWN };
        if *place == UNKNOWN
            && let Some(name) = name()
        {
            *place = match self.ids.get(name) {
                Some(known) => *known,
                None => {
                    let new = NameId::try_from(self.list.len()).unwrap_or(UNKNOWN);
                    self.list.push(name.clone());
                    self.ids.insert(name.clone(), new);
                    new
                }
            };
        }
        *place
    }
}

/// A group's key as readers see it.
fn named<'a>(ids: GroupIds, name: &impl Fn(NameId) -> Option<&'a Name<'static>>) -> GroupKey {
    GroupKey { names: ids.names().map(|id| Some(name(id?)?.as_str().into())), hour: ids.hour() }
}
