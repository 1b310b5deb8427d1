//! A guest that does whatever it is told: each chunk that it gets on a connection is a list of host
//! calls with any arguments. Tests and a fuzz target use it.

/// The functions it can call, by how many `i32` they take; `l` marks one whose second is an `i64`.
const FUNCTIONS: &[(&str, &str, usize, bool)] = &[
    ("env", "proxy_log", 3, false),
    ("env", "proxy_get_log_level", 1, false),
    ("env", "proxy_get_current_time_nanoseconds", 1, false),
    ("env", "proxy_set_tick_period_milliseconds", 1, false),
    ("env", "proxy_get_buffer_bytes", 5, false),
    ("env", "proxy_get_buffer_status", 3, false),
    ("env", "proxy_set_buffer_bytes", 5, false),
    ("env", "proxy_get_header_map_pairs", 3, false),
    ("env", "proxy_set_header_map_pairs", 3, false),
    ("env", "proxy_get_header_map_size", 2, false),
    ("env", "proxy_get_header_map_value", 5, false),
    ("env", "proxy_replace_header_map_value", 5, false),
    ("env", "proxy_add_header_map_value", 5, false),
    ("env", "proxy_remove_header_map_value", 3, false),
    ("env", "proxy_get_property", 4, false),
    ("env", "proxy_set_property", 4, false),
    ("env", "proxy_get_shared_data", 5, false),
    ("env", "proxy_set_shared_data", 5, false),
    ("env", "proxy_register_shared_queue", 3, false),
    ("env", "proxy_resolve_shared_queue", 5, false),
    ("env", "proxy_enqueue_shared_queue", 3, false),
    ("env", "proxy_dequeue_shared_queue", 3, false),
    ("env", "proxy_continue_stream", 1, false),
    ("env", "proxy_close_stream", 1, false),
    ("env", "proxy_send_local_response", 8, false),
    ("env", "proxy_http_call", 10, false),
    ("env", "proxy_grpc_call", 12, false),
    ("env", "proxy_grpc_stream", 9, false),
    ("env", "proxy_grpc_send", 4, false),
    ("env", "proxy_grpc_cancel", 1, false),
    ("env", "proxy_grpc_close", 1, false),
    ("env", "proxy_get_status", 3, false),
    ("env", "proxy_call_foreign_function", 6, false),
    ("env", "proxy_set_effective_context", 1, false),
    ("env", "proxy_done", 0, false),
    ("env", "proxy_define_metric", 4, false),
    ("env", "proxy_get_metric", 2, false),
    ("env", "proxy_record_metric", 2, true),
    ("env", "proxy_increment_metric", 2, true),
    ("wasi_snapshot_preview1", "random_get", 2, false),
    ("wasi_snapshot_preview1", "fd_write", 4, false),
    ("wasi_snapshot_preview1", "fd_fdstat_get", 2, false),
    ("wasi_snapshot_preview1", "environ_get", 2, false),
    ("wasi_snapshot_preview1", "environ_sizes_get", 2, false),
    ("wasi_snapshot_preview1", "args_sizes_get", 2, false),
];

/// How many bytes one host call takes of a chunk: the number of the function, and its arguments.
pub const CALL_BYTES: usize = 1 + 4 * 12;

/// The guest, as WAT. It reads a chunk to address 1024 and goes through it; from 4096 on lie texts
/// that are of use as arguments.
pub fn wat() -> String {
    let (mut imports, mut cases) = (String::new(), String::new());
    for (index, (module, name, count, is_long)) in FUNCTIONS.iter().enumerate() {
        let mut params = vec!["i32"; *count];
        let mut arguments = String::new();
        for (at, param) in params.iter_mut().enumerate() {
            let offset = 1 + 4 * at;
            if *is_long && at == 1 {
                *param = "i64";
                arguments += &format!("(i64.load offset={offset} (local.get $at)) ");
            } else {
                arguments += &format!("(i32.load offset={offset} (local.get $at)) ");
            }
        }
        let params = params.join(" ");
        imports += &format!(
            "(import \"{module}\" \"{name}\" (func $f{index} (param {params}) (result i32)))\n"
        );
        cases += &format!(
            "(if (i32.eq (local.get $which) (i32.const {index})) (then (drop (call $f{index} {arguments}))))\n"
        );
    }
    let (count, step) = (FUNCTIONS.len(), CALL_BYTES);
    format!(
        r#"(module {imports}
        (memory (export "memory") 2)
        (data (i32.const 4096) "svc\00pkg.Svc\00a\00:path\00request\00headers\00x\00xds\00node\00compress")
        (data (i32.const 4160) "\01\00\00\00\01\00\00\00\01\00\00\00a\00b\00\ff\ff\ff\ff")
        (data (i32.const 4200) "\03\00\00\00\07\00\00\00\01\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00G\00:path\00/\00:authority\00a\00")
        (global $heap (mut i32) (i32.const 65536))
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param $size i32) (result i32)
          (local $start i32)
          (if (i32.gt_u (local.get $size) (i32.const 60000)) (then (return (i32.const 0))))
          (if (i32.gt_u (i32.add (global.get $heap) (local.get $size)) (i32.const 130000))
            (then (global.set $heap (i32.const 65536))))
          (local.set $start (global.get $heap))
          (global.set $heap (i32.add (local.get $start) (local.get $size)))
          (local.get $start))
        (func $obey (param $kind i32) (param $size i32)
          (local $at i32) (local $end i32) (local $which i32)
          (drop (call $f4 (local.get $kind) (i32.const 0) (i32.const 2048) (i32.const 0) (i32.const 4)))
          (if (i32.gt_u (i32.load (i32.const 4)) (i32.const 2048)) (then (return)))
          (memory.copy (i32.const 1024) (i32.load (i32.const 0)) (i32.load (i32.const 4)))
          (local.set $at (i32.const 1024))
          (local.set $end (i32.add (i32.const 1024) (i32.load (i32.const 4))))
          (loop $next
            (if (i32.ge_u (local.get $at) (local.get $end)) (then (return)))
            (local.set $which (i32.rem_u (i32.load8_u (local.get $at)) (i32.const {count})))
            {cases}
            (local.set $at (i32.add (local.get $at) (i32.const {step})))
            (br $next)))
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
          (call $obey (i32.const 2) (local.get 1)) (i32.and (local.get 1) (i32.const 1)))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
          (call $obey (i32.const 0) (local.get 1)) (i32.and (local.get 1) (i32.const 3)))
        (func (export "proxy_on_tick") (param i32))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32))
        (func (export "proxy_on_grpc_receive") (param i32 i32 i32))
        (func (export "proxy_on_grpc_close") (param i32 i32 i32))
        (func (export "proxy_on_queue_ready") (param i32 i32)))"#
    )
}
