//! PostgreSQL: a table with a primary key, and a prepared upsert that adds, 100 records a
//! statement. A statement is applied whole or not at all; a resend counts twice.

mod client;

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;

use self::client::Client;
use super::{CONNECTIONS, Contender, RECORDS_PER_REQUEST};
use crate::failure::{Doing, Failure, Result};
use crate::load::{Load, in_parallel, lanes};
use crate::ports::free_address;
use crate::process::Process;
use crate::record::Record;
use crate::scratch::Scratch;
use crate::tally::Tally;

/// Whom it runs as when the bench runs as root, as it refuses to be root itself.
const USER: &str = "postgres";

/// Debian keeps the programs of each version apart.
const DEBIAN: &str = "/usr/lib/postgresql";

const TABLE: &str = "CREATE TABLE flows (hour bigint, src_app text, dest_app text, vpc_id text, \
    bytes_tx bigint, bytes_rx bigint, PRIMARY KEY (hour, src_app, dest_app, vpc_id))";

const UPSERT: &str = "INSERT INTO flows AS t \
    SELECT $1::bigint, * FROM \
    unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) \
    ON CONFLICT (hour, src_app, dest_app, vpc_id) DO UPDATE \
    SET bytes_tx = t.bytes_tx + excluded.bytes_tx, bytes_rx = t.bytes_rx + excluded.bytes_rx";

/// Where its programs are, if it is installed.
pub fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).ok()?;
    let programs = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    programs.filter(|directory| directory.join("initdb").exists()).max()
}

/// Starts it on a free port, with an empty database. `synchronous_commit` is on, as by default.
pub fn start(programs: &Path) -> Result<impl Contender + use<>> {
    let directory = Scratch::new("postgres")?;
    let data = directory.path().join("data");
    std::fs::create_dir(&data).doing(data.display())?;
    if is_root() {
        run(Command::new("chown").arg(USER).arg(&data))?;
    }
    let mut initdb = unprivileged(&programs.join("initdb"));
    initdb.args(["--auth", "trust", "--username", USER, "--encoding", "UTF8"]);
    run(initdb.args(["--locale", "C", "--no-sync", "--pgdata"]).arg(&data))?;

    let address = free_address()?;
    let mut server = unprivileged(&programs.join("postgres"));
    server.arg("-D").arg(&data).args(["-p", &address.port().to_string()]);
    server.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
    // More than Debian's default of 128 MB, as anyone would set it first.
    server.args(["-c", "shared_buffers=1GB", "-c", "synchronous_commit=on"]);
    let mut process = Process::start("postgres", &mut server, directory.path(), "QUIT")?;
    process.wait_until_ready(|| {
        TcpStream::connect(address).is_ok() && Client::open(address, USER).is_ok()
    })?;
    Client::open(address, USER)?.query(TABLE)?;
    Ok(Postgres { address, process, _directory: directory })
}

struct Postgres {
    address: SocketAddr,
    process: Process,
    _directory: Scratch,
}

impl Contender for Postgres {
    fn name(&self) -> String {
        "PostgreSQL, synchronous_commit on".to_owned()
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    fn add(&mut self, hour: u32, records: &[Record]) -> Result<Load> {
        let requests = records.chunks(RECORDS_PER_REQUEST).map(|part| parameters(part, hour));
        let lanes = lanes(requests, CONNECTIONS);
        let clients = lanes.iter().map(|requests| {
            let address = self.address;
            move |start: &Barrier| {
                let client = Client::open(address, USER).and_then(|mut client| {
                    client.prepare(UPSERT)?;
                    Ok(client)
                });
                start.wait();
                client?.execute_all(requests)
            }
        });
        in_parallel(clients.collect())
    }

    fn tally(&self, hour: u32) -> Result<Tally> {
        let sums =
            format!("SELECT count(*), sum(bytes_tx), sum(bytes_rx) FROM flows WHERE hour = {hour}");
        let row = Client::open(self.address, USER)?.query(&sums)?;
        let numbers: Vec<u128> = row.iter().filter_map(|text| text.parse().ok()).collect();
        match numbers.as_slice() {
            [flows, tx, rx] => Ok(Tally::of_sums(*flows as u64, *tx, *rx)),
            _ => Err(Failure::new(format!("PostgreSQL answers {row:?}"))),
        }
    }
}

/// The parameters of [`UPSERT`]: a statement must not meet a key twice, and those that run side
/// by side must meet the keys in one order, or they wait for each other for ever.
fn parameters(records: &[Record], hour: u32) -> Vec<u8> {
    let mut sorted = records.to_vec();
    sorted.sort_by_key(|record| record.key);
    sorted.dedup_by(|next, kept| {
        let same = next.key == kept.key;
        if same {
            kept.bytes_tx += next.bytes_tx;
            kept.bytes_rx += next.bytes_rx;
        }
        same
    });
    let array = |text: fn(&Record) -> String| {
        let items: Vec<String> = sorted.iter().map(text).collect();
        format!("{{{}}}", items.join(","))
    };
    client::bind_and_execute(&[
        hour.to_string(),
        array(|record| record.key.src_app()),
        array(|record| record.key.dest_app()),
        array(|record| record.key.vpc_id()),
        array(|record| record.bytes_tx.to_string()),
        array(|record| record.bytes_rx.to_string()),
    ])
}

/// A program of PostgreSQL's, as somebody else than root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--init-groups", "--"]).arg(program);
    // Where it starts must be a place that this user may be in.
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().doing(format_args!("{:?}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::new(format!("{:?} failed: {said}", command.get_program())))
}
