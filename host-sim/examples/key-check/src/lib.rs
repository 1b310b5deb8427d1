//! A plugin that lets no request pass without a key: it asks a service about the key of each, holds
//! the request meanwhile, and tells the server whose key it is. Its configuration is the name of the
//! service's cluster. Written with the SDK as its users write, for the tests of host-sim.

#![cfg(target_family = "wasm")]
#![allow(missing_docs, reason = "the SDK's macro exports a function without a word")]

use std::time::Duration;

use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType, LogLevel, MetricType},
};

const ASK_WITHIN: Duration = Duration::from_millis(500);
const OWNER_MAX_BYTES: usize = 256;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

/// What all requests of a VM have in common.
#[derive(Clone, Default)]
struct Root {
    cluster: String,
    refused: u32,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let configuration = self.get_plugin_configuration().unwrap_or_default();
        self.cluster = String::from_utf8_lossy(&configuration).into_owned();
        if self.cluster.is_empty() {
            tell(LogLevel::Error, "the configuration names no cluster");
            return false;
        }
        let defined = hostcalls::define_metric(MetricType::Counter, "key_check.refused");
        self.refused = defined.unwrap_or_default();
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request { root: self.clone() }))
    }
}

/// A request and its response.
struct Request {
    root: Root,
}

impl Request {
    fn refuse(&self, status: u32, reason: &str) -> Action {
        let _counted = hostcalls::increment_metric(self.root.refused, 1);
        tell(LogLevel::Info, &format!("refused with {status}: {reason}"));
        self.send_http_response(status, vec![("x-reason", reason)], None);
        Action::Pause
    }
}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        let Some(key) = self.get_http_request_header("x-api-key") else {
            return self.refuse(401, "no key");
        };
        // What a client says of itself is not to be believed.
        self.set_http_request_header("x-key-owner", None);
        let path = format!("/keys/{key}");
        let headers = vec![(":method", "GET"), (":path", &path), (":authority", "keys")];
        match self.dispatch_http_call(&self.root.cluster, headers, None, vec![], ASK_WITHIN) {
            Ok(_token) => Action::Pause,
            Err(_) => self.refuse(503, "nobody can be asked"),
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, _end: bool) -> Action {
        self.set_http_response_header("server", None);
        Action::Continue
    }
}

impl Context for Request {
    fn on_http_call_response(&mut self, _token: u32, headers: usize, size: usize, _: usize) {
        // After a reset there are none, and to ask for one would make the SDK panic.
        if headers == 0 {
            self.refuse(503, "no answer");
            return;
        }
        match self.get_http_call_response_header(":status").as_deref() {
            Some("200") => {
                let owner = self.get_http_call_response_body(0, size.min(OWNER_MAX_BYTES));
                let owner = owner.unwrap_or_default();
                self.set_http_request_header_bytes("x-key-owner", Some(&owner));
                self.resume_http_request();
            }
            Some("404") => {
                self.refuse(403, "unknown key");
            }
            _ => {
                self.refuse(503, "no answer");
            }
        }
    }
}

fn tell(level: LogLevel, text: &str) {
    let _told = hostcalls::log(level, text);
}
