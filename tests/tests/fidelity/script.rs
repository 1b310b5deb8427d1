//! The text of a case: what its guest does in which callback, the proxy's settings, and what
//! happens to it from outside. Making a guest of it is left to `guest`.
//!
//!     == A title, after which it is reported
//!     kind: tcp                     # settings; see `Case`
//!     on request_headers #2 @3      # the second call of it, and on context 3 only
//!       header 0 x-name             # a host function and its arguments
//!       http_call c p "" "" 0 > t   # what it gives is `$t` from now on
//!       return 1
//!     > request GET /               # a step; see `Step`

use super::words::words;

/// What a guest does in a callback.
#[derive(Clone, Debug)]
pub struct Section {
    /// The callback, without `proxy_on_`.
    pub callback: String,
    /// In which call of it, counted in the VM from 1; in each, if not said.
    pub nth: Option<u32>,
    /// On which context; on each, if not said.
    pub context: Option<u32>,
    /// What it does, as text.
    pub operations: Vec<String>,
}

/// A proxy, a guest and what happens.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// What it is about, as a sentence.
    pub title: String,
    /// Where the guest sits: `http` (unless said otherwise), `tcp`, `http_logger`, `tcp_logger`.
    /// Several words are several listeners, each with the plugin of its number.
    pub kinds: Vec<String>,
    /// The plugins: root id and configuration.
    pub plugins: Vec<(String, String)>,
    /// The VM's configuration.
    pub vm_configuration: String,
    /// The failure policy, as Envoy writes it.
    pub policy: String,
    /// The version of the ABI that the guest speaks: `0.2.1` unless said otherwise.
    pub abi: String,
    /// How many workers there are; 1 unless said otherwise.
    pub workers: usize,
    /// Whether clients, or the server behind the proxy, speak HTTP/2.
    pub http2: Http2,
    /// The callbacks that the guest does not export.
    pub without: Vec<String>,
    /// The guest, if it is a ready-made one: one of `tests/guests`, by its language.
    pub guest: Option<String>,
    /// The guest.
    pub sections: Vec<Section>,
    /// What happens.
    pub steps: Vec<Vec<String>>,
    /// If set, why the two are not equal on purpose.
    pub differs: Option<String>,
}

/// Who speaks HTTP/2 and not HTTP/1.1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Http2 {
    /// The clients.
    pub clients: bool,
    /// The server behind the proxy.
    pub server: bool,
}

const HTTP_STEPS: &[&str] = &["request GET /", "respond-empty 200"];
const TCP_STEPS: &[&str] = &["connect", "send ping", "server pong", "end", "server-end"];

/// The cases of a text.
pub fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        let line = line.split_once(" # ").map_or(line, |(line, _)| line).trim_end();
        if let Some(title) = line.strip_prefix("== ") {
            cases.push(Case { title: title.to_owned(), ..Case::default() });
        } else if !line.is_empty() && !line.starts_with('#') {
            let case = cases.last_mut().unwrap_or_else(|| panic!("before any title: {line}"));
            add(case, line);
        }
    }
    cases.into_iter().map(complete).collect()
}

fn add(case: &mut Case, line: &str) {
    if let Some(operation) = line.strip_prefix("  ") {
        let section = case.sections.last_mut().expect("an operation follows `on`");
        section.operations.push(operation.trim().to_owned());
    } else if let Some(section) = line.strip_prefix("on ") {
        case.sections.push(parse_section(section));
    } else if let Some(step) = line.strip_prefix("> ") {
        case.steps.push(words(step));
    } else {
        let setting = line.split_once(": ");
        let (name, value) = setting.unwrap_or_else(|| panic!("not understood: {line}"));
        set(case, name, value);
    }
}

fn parse_section(text: &str) -> Section {
    let words = words(text);
    let number = |mark| {
        let word = words.iter().find_map(|word| word.strip_prefix(mark));
        word.map(|word: &str| word.parse().expect("a number"))
    };
    Section {
        callback: words[0].clone(),
        nth: number('#'),
        context: number('@'),
        operations: Vec::new(),
    }
}

fn set(case: &mut Case, name: &str, value: &str) {
    let list = || words(value);
    match name {
        "kind" => case.kinds = list(),
        "plugin" => {
            let words = list();
            case.plugins.push((words[0].clone(), words.get(1).cloned().unwrap_or_default()));
        }
        "vm_configuration" => case.vm_configuration = value.to_owned(),
        "policy" => case.policy = value.to_owned(),
        "abi" => case.abi = value.to_owned(),
        "workers" => case.workers = value.parse().expect("a number of workers"),
        "http2" => {
            let sides = list();
            case.http2.clients = sides.iter().any(|side| side == "clients");
            case.http2.server = sides.iter().any(|side| side == "server");
        }
        "guest" => case.guest = Some(value.to_owned()),
        "without" => case.without = list(),
        "differs" => case.differs = Some(value.to_owned()),
        _ => panic!("no case has a setting `{name}`"),
    }
}

fn complete(mut case: Case) -> Case {
    if case.kinds.is_empty() {
        case.kinds.push("http".to_owned());
    }
    if case.plugins.is_empty() {
        case.plugins.push((String::new(), String::new()));
    }
    if case.abi.is_empty() {
        case.abi = "0.2.1".to_owned();
    }
    case.workers = case.workers.max(1);
    if case.policy.is_empty() {
        case.policy = "FAIL_CLOSED".to_owned();
    }
    if case.steps.is_empty() {
        let steps = if case.kinds[0].starts_with("tcp") { TCP_STEPS } else { HTTP_STEPS };
        case.steps = steps.iter().map(|step| words(step)).collect();
    }
    case.steps.retain(|step| step != &["nothing"]);
    case
}
