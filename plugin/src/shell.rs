//! The shell: the only part that calls the host. It decides nothing; whatever goes wrong here,
//! the bytes pass.

mod call;
mod host;
mod http;
mod metrics;
mod root;
mod stream;
mod tcp;

use proxy_wasm::types::LogLevel;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(root::Root::default()));
}}
