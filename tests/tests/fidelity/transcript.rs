//! What came of a case: what the guest logged on main and on each worker, and what the clients and
//! the servers were given. The order between threads is not defined, and not compared.

use std::fmt::Write;

use super::words::escaped;

/// The transcript of a case, from either host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The guest's lines on main, the canary's first; then those of each worker.
    pub threads: Vec<Vec<String>>,
    /// What the client of each stream was given.
    pub client: Vec<String>,
    /// What the server of each stream that reached it was given.
    pub server: Vec<String>,
}

impl Transcript {
    fn parts(&self) -> impl Iterator<Item = (String, &[String])> {
        let threads = self.threads.iter().enumerate().map(|(at, lines)| match at {
            0 => ("main".to_owned(), lines.as_slice()),
            _ => (format!("worker {}", at - 1), lines.as_slice()),
        });
        let given = [("client", &self.client), ("server", &self.server)];
        threads.chain(given.map(|(name, lines)| (name.to_owned(), lines.as_slice())))
    }

    /// The lines in which this one differs from Envoy's; none if they are equal.
    pub fn difference(&self, envoy: &Self) -> Option<String> {
        let mut text = String::new();
        assert_eq!(self.threads.len(), envoy.threads.len(), "they have as many threads");
        for ((part, simulated), (_, real)) in self.parts().zip(envoy.parts()) {
            if simulated != real {
                let _ = writeln!(text, "  {part}:");
                write_difference(&mut text, simulated, real);
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

/// Lines that only the simulator has, with `sim`; that only Envoy has, with `envoy`.
fn write_difference(text: &mut String, simulated: &[String], real: &[String]) {
    // The longest common subsequence, from the end.
    let mut common = vec![vec![0_usize; real.len() + 1]; simulated.len() + 1];
    for (i, left) in simulated.iter().enumerate().rev() {
        for (j, right) in real.iter().enumerate().rev() {
            common[i][j] = match left == right {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < simulated.len() || j < real.len() {
        let is_common = i < simulated.len() && j < real.len() && simulated[i] == real[j];
        let (mark, line) = if is_common {
            (i, j) = (i + 1, j + 1);
            ("     ", &simulated[i - 1])
        } else if j == real.len() || (i < simulated.len() && common[i + 1][j] >= common[i][j + 1]) {
            i += 1;
            ("sim  ", &simulated[i - 1])
        } else {
            j += 1;
            ("envoy", &real[j - 1])
        };
        let _ = writeln!(text, "    {mark} | {line}");
    }
}

/// Half of an HTTP exchange, or of a connection, as it came out behind the plugin.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// `GET /`, or a status; none for a connection.
    pub start: Option<String>,
    /// The headers, with lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body, or the bytes of a connection.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Vec<(String, String)>,
    /// Whether it came to its end.
    pub complete: bool,
}

impl Message {
    /// Whether anything came at all.
    pub fn has_content(&self) -> bool {
        self.start.is_some() || !self.body.is_empty()
    }

    /// One line. Of the headers, those that a proxy adds by itself are left out.
    pub fn line(&self) -> String {
        let mut line = self.start.clone().unwrap_or_default();
        for (name, value) in self.headers.iter().filter(|(name, _)| is_shown(name)) {
            let _ = write!(line, " [{name}: {}]", escaped(value.as_bytes()));
        }
        match self.body.len() {
            0..=200 => drop(write!(line, " \"{}\"", escaped(&self.body))),
            bytes => drop(write!(line, " {bytes} bytes")),
        }
        for (name, value) in &self.trailers {
            let _ = write!(line, " [trailer {name}: {value}]");
        }
        line.push_str(if self.complete { ", complete" } else { ", not complete" });
        line
    }
}

fn is_shown(name: &str) -> bool {
    let own = ["x-forwarded-proto", "x-request-id"].contains(&name) || name.starts_with("x-envoy");
    let known = ["content-type", "grpc-status", "grpc-message"].contains(&name);
    known || (name.starts_with("x-") && !own)
}
