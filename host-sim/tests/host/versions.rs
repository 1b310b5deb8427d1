//! The older versions of the ABI.

use host_sim::{AbiVersion, Host, Plugin, PluginError};

use crate::guest::{wat, worker_lines};

fn version(body: &str, version: &str, imports: &str) -> Result<Plugin, PluginError> {
    let wat = wat(body).replace("proxy_abi_version_0_2_1", &format!("proxy_abi_version_{version}"));
    let wat = wat.replacen("(module", &format!("(module {imports}"), 1);
    Plugin::load(wat.as_bytes())
}

/// What 0.1.0 has not.
fn without_stream_functions(body: &str) -> String {
    let wat = wat(body).replace("proxy_abi_version_0_2_1", "proxy_abi_version_0_1_0");
    let (mut kept, mut own) = (String::new(), String::new());
    for line in wat.lines() {
        let is_newer =
            ["proxy_continue_stream", "proxy_close_stream"].iter().any(|name| line.contains(name));
        if !is_newer {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    for (name, params) in [
        ("get_configuration", "i32 i32"),
        ("continue_request", ""),
        ("continue_response", ""),
        ("clear_route_cache", ""),
    ] {
        own += &format!(
            r#"(import "env" "proxy_{name}" (func ${name} (param {params}) (result i32)))"#
        );
    }
    kept.replacen("(module", &format!("(module {own}"), 1)
}

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.into(), value.into())
}

#[test]
fn a_guest_of_0_1_0_has_functions_and_callbacks_of_its_own() {
    let wat = without_stream_functions(
        r#"(func (export "proxy_on_vm_start") (param i32 i32) (result i32)
             (call $say #"start" (call $get_configuration (i32.const 0) (i32.const 4)))
             (call $tell_given) (i32.const 1))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
             (call $say #"configure" (call $get_configuration (i32.const 0) (i32.const 4)))
             (call $tell_given) (drop (call $set_tick (i32.const 1000))) (i32.const 1))
           (func (export "proxy_on_request_headers") (param i32 i32) (result i32)
             (call $say #"headers" (local.get 1))
             (call $say #"absent" (call $get_header (i32.const 0) #"x" (i32.const 0) (i32.const 4)))
             (call $say #"bytes" (i32.load (i32.const 4)))
             (call $say #"route" (call $clear_route_cache))
             (i32.const 1))
           (func (export "proxy_on_response_headers") (param i32 i32) (result i32)
             (call $say #"response" (local.get 1)) (i32.const 1))
           (func (export "proxy_on_tick") (param i32)
             (if (call $set_effective (i32.const 2)) (then (return)))
             (call $say #"request" (call $continue_request))
             (call $say #"response" (call $continue_response)))"#,
    );
    let plugin = Plugin::load(wat.as_bytes()).unwrap();
    assert_eq!(plugin.abi(), AbiVersion::V0_1_0);
    let builder = Host::builder(plugin).vm_configuration("vm").configuration("plugin");
    let mut host = builder.start().unwrap();
    let id = host.open_http(0, Default::default(), vec![pair(":path", "/")], true).unwrap();
    host.response_headers(id, vec![pair(":status", "200")], true).unwrap();
    assert!(!host.exchange(id).unwrap().request.complete);
    host.advance(1_000_000_000).unwrap();
    let exchange = host.exchange(id).unwrap();
    assert!(exchange.request.complete && exchange.response.complete);
    let expected = [
        "start 0",
        "vm",
        "configure 0",
        "plugin",
        "headers 1",
        "absent 0",
        "bytes 0",
        "route 0",
        "response 1",
        "request 0",
        "response 0",
    ];
    assert_eq!(worker_lines(&host), expected);
}

#[test]
fn each_version_has_the_functions_of_its_time() {
    let log_level = r#"(import "env" "proxy_get_log_level" (func (param i32) (result i32)))"#;
    let configuration =
        r#"(import "env" "proxy_get_configuration" (func (param i32 i32) (result i32)))"#;
    let missing = |abi: &str, imports: &str| match version("", abi, imports) {
        Ok(plugin) => (Some(plugin.abi()), Vec::new()),
        Err(PluginError::Imports(names)) => (None, names),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(missing("0_2_1", log_level), (Some(AbiVersion::V0_2_1), vec![]));
    assert_eq!(missing("0_2_0", ""), (Some(AbiVersion::V0_2_0), vec![]));
    assert_eq!(missing("0_2_0", log_level).1, ["env.proxy_get_log_level"]);
    assert_eq!(missing("0_2_1", configuration).1, ["env.proxy_get_configuration"]);
    let stream_functions = ["env.proxy_continue_stream", "env.proxy_close_stream"];
    assert_eq!(missing("0_1_0", configuration).1, stream_functions);
}
