//! Which modules are plugins for this host.

use host_sim::{Plugin, PluginError};

use crate::guest::wat;

fn error(wat: &str) -> PluginError {
    Plugin::load(wat.as_bytes()).err().expect("this is no plugin")
}

#[test]
fn unknown_imports_are_all_named() {
    let error = error(
        r#"(module
            (import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))
            (import "env" "proxy_teleport" (func (param i32) (result i32)))
            (import "wasi_snapshot_preview1" "sock_open" (func (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "malloc") (param i32) (result i32) (i32.const 0))
            (func (export "proxy_abi_version_0_2_1")))"#,
    );
    assert_eq!(
        error.to_string(),
        "the plugin imports what this host does not have: env.proxy_teleport, \
         wasi_snapshot_preview1.sock_open"
    );
}

#[test]
fn imports_of_another_type_are_refused() {
    let error = error(
        r#"(module
            (import "env" "proxy_log" (func (param i64) (result i32)))
            (memory (export "memory") 1)
            (func (export "malloc") (param i32) (result i32) (i32.const 0))
            (func (export "proxy_abi_version_0_2_1")))"#,
    );
    assert!(error.to_string().contains("proxy_log"), "{error}");
}

#[test]
fn required_exports_are_named() {
    let memory = r#"(memory (export "memory") 1)"#;
    let malloc = r#"(func (export "malloc") (param i32) (result i32) (i32.const 0))"#;
    for (body, missing) in [
        (String::new(), "memory"),
        (memory.to_owned(), "malloc or proxy_on_memory_allocate"),
        (
            format!("{memory} {malloc}"),
            "proxy_abi_version_0_2_1, proxy_abi_version_0_2_0 or proxy_abi_version_0_1_0",
        ),
    ] {
        let error = error(&format!("(module {body})"));
        assert!(matches!(error, PluginError::Export(name) if name == missing), "{error}");
    }
}

#[test]
fn a_callback_of_another_signature_is_named() {
    for (version, parameters) in [("0_2_1", "i32 i32"), ("0_2_0", "i32"), ("0_1_0", "i32 i32 i32")]
    {
        let body = format!(
            r#"(memory (export "memory") 1)
            (func (export "malloc") (param i32) (result i32) (i32.const 0))
            (func (export "proxy_abi_version_{version}"))
            (func (export "proxy_on_request_headers") (param {parameters}) (result i32) (i32.const 0))"#
        );
        let error = error(&format!("(module {body})"));
        let expected = "the plugin exports proxy_on_request_headers with another signature than \
            that of its ABI version";
        assert_eq!(error.to_string(), expected, "{version}");
    }
}

#[test]
fn an_allocator_of_another_signature_is_named() {
    for name in ["malloc", "proxy_on_memory_allocate"] {
        let body = format!(
            r#"(memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "{name}") (param i64) (result i64) (local.get 0))"#
        );
        let error = error(&format!("(module {body})"));
        assert!(matches!(error, PluginError::Signature(found) if found == name), "{error}");
    }
}

#[test]
fn a_text_that_is_no_module_is_refused() {
    assert!(matches!(error("(module (func $f (call $g)))"), PluginError::Invalid(_)));
    assert!(Plugin::load(wat("").as_bytes()).is_ok());
}
