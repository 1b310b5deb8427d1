//! Front ends on a real Redis Cluster: exact while nodes and front ends die and slots move, and
//! with the same answers as one process on a directory. `cargo xtask test` sets up what these
//! tests need.

#[path = "cluster/access.rs"]
mod access;
#[path = "cluster/chaos.rs"]
mod chaos;
#[path = "cluster/copies.rs"]
mod copies;
#[path = "cluster/equality.rs"]
mod equality;
#[path = "cluster/load.rs"]
mod load;
#[path = "cluster/migrate.rs"]
mod migrate;
#[path = "cluster/outage.rs"]
mod outage;
#[path = "cluster/partition.rs"]
mod partition;
#[path = "cluster/random.rs"]
mod random;
