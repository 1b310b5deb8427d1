//! Reads over HTTP: which flows, in which form, page by page, summed up, and as they change.

mod client;
mod formats;
mod limited;
mod lists;
mod pages;
mod parameters;
mod selections;
mod stream;
mod summaries;
