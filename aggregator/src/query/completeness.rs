//! Which hours are complete, for all reads: one look at the instances serves them for a moment,
//! so that many reads do not hold up writes.

mod look;

use std::sync::Arc;

use flow_model::Hour;

use self::look::Look;
use crate::clock::now_ms;
use crate::store::completeness::{HourReport, Overview, Times};
use crate::store::{Progress, ReadError, Selection, Store};

/// Tells which hours are complete.
pub(crate) struct Completeness {
    serving_since_ms: u64,
    last: Look<Overview>,
}

impl Default for Completeness {
    /// For a service that begins now.
    fn default() -> Self {
        Self { serving_since_ms: now_ms(), last: Look::default() }
    }
}

impl Completeness {
    /// All hours, as they were a moment ago. What is to be called complete must be read after
    /// this: what it vouches for is then in what is read.
    pub async fn overview(&self, store: &dyn Store) -> Result<Arc<Overview>, ReadError> {
        let look = async {
            let mut overview = Overview::new(self.times(store));
            store.survey(&mut |_, progress: &Progress| overview.add(progress)).await?;
            Ok(overview)
        };
        self.last.get(look).await
    }

    /// Whether the hour of a selection of one hour is complete; nothing for more than one.
    pub async fn of_one_hour(
        &self,
        store: &dyn Store,
        selection: &Selection,
    ) -> Result<Option<Option<bool>>, ReadError> {
        let hour = *selection.hours.start();
        if hour != *selection.hours.end() {
            return Ok(None);
        }
        Ok(Some(self.overview(store).await?.verdict(hour).complete))
    }

    /// All that is known of an hour; of each kind of instances, `limit` are named.
    pub async fn report(
        &self,
        store: &dyn Store,
        hour: Hour,
        limit: usize,
    ) -> Result<HourReport, ReadError> {
        let mut report = HourReport::of(hour, self.times(store), limit);
        store.survey(&mut |id, progress: &Progress| report.add(id, progress)).await?;
        Ok(report.finish())
    }

    fn times(&self, store: &dyn Store) -> Times {
        Times {
            now_ms: now_ms(),
            serving_since_ms: self.serving_since_ms,
            heard_until_ms: store.heard_until_ms(),
            remembered_since_ms: store.remembers_since_ms(),
        }
    }
}
