//! The host functions of the ABI, as the guests' scripts name them: a letter for each argument and
//! result. The last ones are of ABI 0.1.0 alone; those of WASI are told by their names.

/// An argument or a result of a host function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// A number, `i32`.
    Number,
    /// A number, `i64`.
    Long,
    /// Text: its address and its size.
    Text,
    /// A property's path, whose parts a script joins with dots.
    Path,
    /// Pairs, written `name=value,name=value`.
    Pairs,
    /// Text as the only piece of a list of WASI: the list's address, and how many are in it.
    Pieces,
    /// The host gives a number of 4 bytes.
    GivesNumber,
    /// The host gives a number of 8 bytes.
    GivesLong,
    /// The host gives a time, which no two runs share.
    GivesTime,
    /// The host gives bytes: an address and a size.
    GivesBytes,
    /// The host gives pairs: an address and a size.
    GivesPairs,
}

impl Parameter {
    fn from_letter(letter: char) -> Self {
        match letter {
            'u' => Self::Number,
            'l' => Self::Long,
            's' => Self::Text,
            'q' => Self::Path,
            'p' => Self::Pairs,
            'v' => Self::Pieces,
            'W' => Self::GivesNumber,
            'L' => Self::GivesLong,
            'T' => Self::GivesTime,
            'B' => Self::GivesBytes,
            'P' => Self::GivesPairs,
            _ => panic!("no parameter is called {letter}"),
        }
    }

    /// Whether the host writes it.
    pub fn is_given(self) -> bool {
        !matches!(
            self,
            Self::Number | Self::Long | Self::Text | Self::Path | Self::Pairs | Self::Pieces
        )
    }

    /// Its types in WebAssembly.
    pub fn types(self) -> &'static str {
        match self {
            Self::Number | Self::GivesNumber | Self::GivesLong | Self::GivesTime => "i32",
            Self::Long => "i64",
            Self::Text
            | Self::Path
            | Self::Pairs
            | Self::Pieces
            | Self::GivesBytes
            | Self::GivesPairs => "i32 i32",
        }
    }
}

/// Name in scripts, import without `proxy_`, parameters.
const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("log", "log", "us"),
    ("log_level", "get_log_level", "W"),
    ("now", "get_current_time_nanoseconds", "T"),
    ("tick_every", "set_tick_period_milliseconds", "u"),
    ("property", "get_property", "qB"),
    ("set_property", "set_property", "qs"),
    ("map", "get_header_map_pairs", "uP"),
    ("set_map", "set_header_map_pairs", "up"),
    ("map_size", "get_header_map_size", "uW"),
    ("header", "get_header_map_value", "usB"),
    ("add_header", "add_header_map_value", "uss"),
    ("replace_header", "replace_header_map_value", "uss"),
    ("remove_header", "remove_header_map_value", "us"),
    ("buffer", "get_buffer_bytes", "uuuB"),
    ("buffer_status", "get_buffer_status", "uWW"),
    ("set_buffer", "set_buffer_bytes", "uuus"),
    ("continue", "continue_stream", "u"),
    ("close", "close_stream", "u"),
    ("respond", "send_local_response", "usspu"),
    ("http_call", "http_call", "spspuW"),
    ("set_shared", "set_shared_data", "ssu"),
    ("shared", "get_shared_data", "sBW"),
    ("register_queue", "register_shared_queue", "sW"),
    ("resolve_queue", "resolve_shared_queue", "ssW"),
    ("dequeue", "dequeue_shared_queue", "uB"),
    ("enqueue", "enqueue_shared_queue", "us"),
    ("define_metric", "define_metric", "usW"),
    ("increment", "increment_metric", "ul"),
    ("record", "record_metric", "ul"),
    ("metric", "get_metric", "uL"),
    ("effective", "set_effective_context", "u"),
    ("done", "done", ""),
    ("foreign", "call_foreign_function", "ssB"),
    ("grpc_call", "grpc_call", "ssspsuW"),
    ("grpc_stream", "grpc_stream", "ssspW"),
    ("grpc_send", "grpc_send", "usu"),
    ("grpc_cancel", "grpc_cancel", "u"),
    ("grpc_close", "grpc_close", "u"),
    ("status", "get_status", "WB"),
    ("configuration", "get_configuration", "B"),
    ("continue_request", "continue_request", ""),
    ("continue_response", "continue_response", ""),
    ("clear_route_cache", "clear_route_cache", ""),
];

/// The functions of WASI preview 1 that have a result, by their names, and parameters.
const WASI: &[(&str, &str)] = &[
    ("args_get", "uu"),
    ("args_sizes_get", "WW"),
    ("clock_res_get", "uL"),
    ("clock_time_get", "ulT"),
    ("environ_get", "uu"),
    ("environ_sizes_get", "WW"),
    ("fd_advise", "ullu"),
    ("fd_allocate", "ull"),
    ("fd_close", "u"),
    ("fd_datasync", "u"),
    ("fd_fdstat_get", "uL"),
    ("fd_fdstat_set_flags", "uu"),
    ("fd_fdstat_set_rights", "ull"),
    ("fd_filestat_get", "uL"),
    ("fd_filestat_set_size", "ul"),
    ("fd_filestat_set_times", "ullu"),
    ("fd_pread", "uvlW"),
    ("fd_prestat_dir_name", "uuu"),
    ("fd_prestat_get", "uW"),
    ("fd_pwrite", "uvlW"),
    ("fd_read", "uvW"),
    ("fd_readdir", "uuulW"),
    ("fd_renumber", "uu"),
    ("fd_seek", "uluL"),
    ("fd_sync", "u"),
    ("fd_tell", "uL"),
    ("fd_write", "uvW"),
    ("path_create_directory", "us"),
    ("path_filestat_get", "uusL"),
    ("path_filestat_set_times", "uusllu"),
    ("path_link", "uusus"),
    ("path_open", "uusulluW"),
    ("path_readlink", "usuuW"),
    ("path_remove_directory", "us"),
    ("path_rename", "usus"),
    ("path_symlink", "sus"),
    ("path_unlink_file", "us"),
    ("poll_oneoff", "uuuW"),
    ("proc_raise", "u"),
    ("random_get", "uu"),
    ("sched_yield", ""),
    ("sock_accept", "uuW"),
    ("sock_recv", "uvuWW"),
    ("sock_send", "uvuW"),
    ("sock_shutdown", "uu"),
];

/// A host function.
pub struct Function {
    /// Its name in scripts.
    pub name: &'static str,
    /// The module that it is imported from.
    pub module: &'static str,
    /// Its name in that module.
    pub import: String,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
}

/// The function that scripts call so.
pub fn function(name: &str) -> Function {
    if let Some((name, letters)) = WASI.iter().find(|(known, _)| *known == name) {
        let parameters = letters.chars().map(Parameter::from_letter).collect();
        let import = (*name).to_owned();
        return Function { name, module: "wasi_snapshot_preview1", import, parameters };
    }
    let found = FUNCTIONS.iter().find(|(known, ..)| *known == name);
    let (name, import, letters) = found.unwrap_or_else(|| panic!("no host function is `{name}`"));
    let parameters = letters.chars().map(Parameter::from_letter).collect();
    Function { name, module: "env", import: format!("proxy_{import}"), parameters }
}

/// How many arguments a callback has in a version of the ABI: in 0.1.0, headers come without saying
/// whether they are all.
pub fn argument_count(abi: &str, name: &str, newest: usize) -> usize {
    let is_shorter = abi == "0.1.0" && ["request_headers", "response_headers"].contains(&name);
    newest - usize::from(is_shorter)
}

/// A callback: its name in scripts, without `proxy_on_`; how many arguments; what it answers when a
/// script says nothing else.
pub const CALLBACKS: &[(&str, usize, Option<u32>)] = &[
    ("context_create", 2, None),
    ("vm_start", 2, Some(1)),
    ("configure", 2, Some(1)),
    ("tick", 1, None),
    ("new_connection", 1, Some(0)),
    ("downstream_data", 3, Some(0)),
    ("upstream_data", 3, Some(0)),
    ("downstream_connection_close", 2, None),
    ("upstream_connection_close", 2, None),
    ("request_headers", 3, Some(0)),
    ("request_body", 3, Some(0)),
    ("request_trailers", 2, Some(0)),
    ("response_headers", 3, Some(0)),
    ("response_body", 3, Some(0)),
    ("response_trailers", 2, Some(0)),
    ("http_call_response", 5, None),
    ("grpc_receive_initial_metadata", 3, None),
    ("grpc_receive", 3, None),
    ("grpc_receive_trailing_metadata", 3, None),
    ("grpc_close", 3, None),
    ("queue_ready", 2, None),
    ("foreign_function", 3, None),
    ("done", 1, Some(1)),
    ("log", 1, None),
    ("delete", 1, None),
];
