//! Reads over HTTP: which flows, in which form, page by page, summed up, and as they change; of
//! which side, and whether that is all.

mod client;
mod completeness;
mod formats;
mod limited;
mod lists;
mod pages;
mod parameters;
mod selections;
mod sides;
mod stream;
mod summaries;
