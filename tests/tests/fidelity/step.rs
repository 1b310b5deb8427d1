//! What a step that begins a stream says: `request METHOD PATH [HEADERS] [OPTION...]`, `connect
//! [LISTENER]`. Doing it is left to each host.

/// A request of a client.
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// More headers, as pairs.
    pub headers: &'a str,
    /// `listener=N`: to which listener.
    pub listener: usize,
    /// `worker=N`: which worker takes the connection.
    pub worker: usize,
    /// `connection=N`: on the HTTP/2 connection of the client of that number.
    pub connection: Option<usize>,
    /// Whether the headers are all. Without `open` they are those of a `GET`.
    pub ends: bool,
}

impl<'a> Request<'a> {
    /// Reads the words of a step.
    pub fn new(step: &'a [String]) -> Self {
        let word = |at: usize| step.get(at).map_or("", String::as_str);
        let (method, path) = (word(1), word(2));
        let options = || step.iter().skip(3).map(String::as_str);
        let number = |name: &str| {
            let found = options().find_map(|option| option.strip_prefix(name)?.strip_prefix('='));
            found.map(|number| number.parse().expect("a number"))
        };
        let names = ["listener=", "worker=", "connection="];
        let is_option = |word: &str| word == "open" || names.iter().any(|it| word.starts_with(it));
        Self {
            method,
            path,
            headers: options().find(|word| !is_option(word)).unwrap_or_default(),
            listener: number("listener").unwrap_or(0),
            worker: number("worker").unwrap_or(0),
            connection: number("connection"),
            ends: method == "GET" && !options().any(|option| option == "open"),
        }
    }
}
