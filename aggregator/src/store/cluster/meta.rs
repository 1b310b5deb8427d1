//! What holds for the whole store: it is written when the store is made, and checked when it is
//! opened. Another layout would look for everything elsewhere.

use std::sync::Arc;

use redis::{Cmd, Value};

use super::call;
use super::layout::{SCHEMA, SHARDS};
use super::net::Net;

/// Makes the store if there is none, and checks that it is one of this layout.
pub(super) async fn check(net: &Arc<Net>) -> Result<(), String> {
    for (field, expected) in [("schema", SCHEMA), ("shards", u32::from(SHARDS))] {
        let mut make = redis::cmd("HSETNX");
        make.arg(net.keys.meta()).arg(field).arg(expected);
        ask(net, make).await?;
        let mut read = redis::cmd("HGET");
        read.arg(net.keys.meta()).arg(field);
        let found = ask(net, read).await?;
        let found = call::bytes(&found).unwrap_or_default();
        if *found != *expected.to_string().as_bytes() {
            let found = String::from_utf8_lossy(&found);
            return Err(format!(
                "the store in the cluster has {field} {found}, and this program knows {expected}: \
                 use the version that wrote it, or another name"
            ));
        }
    }
    Ok(())
}

async fn ask(net: &Arc<Net>, command: Cmd) -> Result<Value, String> {
    net.tell_slot(net.keys.meta_slot(), command).await.map_err(|error| error.0)
}
