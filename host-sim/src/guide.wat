;; The plugin of the guide in the crate's documentation. It asks the cluster `auth` about each request
;; and holds it meanwhile, counts requests, logs each second, and calls `geo` by gRPC and the foreign
;; function `zone` for each connection.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $set_tick (param i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define_metric (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment_metric (param i32 i64) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value"
    (func $add_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call"
    (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $set_effective (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $resume (param i32) (result i32)))
  (import "env" "proxy_grpc_call"
    (func $grpc_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_call_foreign_function"
    (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 4096))
  (global $held (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param $size i32) (result i32)
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get $size))))
  (func $tell (param $text i32) (param $size i32)
    (drop (call $log (i32.const 2) (local.get $text) (local.get $size))))

  (data (i32.const 64) "requests")
  (data (i32.const 80) "x-checked")
  (data (i32.const 96) "yes")
  (data (i32.const 104) "auth")
  (data (i32.const 112) "tick")
  (data (i32.const 120) "last")
  (data (i32.const 128) "geo.Geo")
  (data (i32.const 136) "Where")
  (data (i32.const 144) "zone")
  (data (i32.const 152) "geo")
  (data (i32.const 256) "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\06\00\00\00\0a\00\00\00\04\00\00\00:method\00GET\00:path\00/check\00:authority\00auth\00")

  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $set_tick (i32.const 1000)))
    (drop (call $define_metric (i32.const 0) (i32.const 64) (i32.const 8) (i32.const 0)))
    (i32.const 1))
  (func (export "proxy_on_tick") (param i32) (call $tell (i32.const 112) (i32.const 4)))

  ;; A request is held while `auth` is asked. Where there is no such cluster, it goes on.
  (func (export "proxy_on_request_headers") (param $stream i32) (param i32 i32) (result i32)
    (drop (call $increment_metric (i32.load (i32.const 0)) (i64.const 1)))
    (drop (call $add_header
      (i32.const 0) (i32.const 80) (i32.const 9) (i32.const 96) (i32.const 3)))
    (drop (call $set_shared
      (i32.const 120) (i32.const 4) (i32.const 64) (i32.const 8) (i32.const 0)))
    (global.set $held (local.get $stream))
    (i32.eqz (call $http_call (i32.const 104) (i32.const 4) (i32.const 256) (i32.const 69)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 4))))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32) (param $size i32) (param i32)
    (drop (call $get_buffer
      (i32.const 4) (i32.const 0) (local.get $size) (i32.const 8) (i32.const 12)))
    (call $tell (i32.load (i32.const 8)) (i32.load (i32.const 12)))
    (drop (call $set_effective (global.get $held)))
    (drop (call $resume (i32.const 0))))

  (func (export "proxy_on_new_connection") (param i32) (result i32)
    (if (i32.eqz (call $foreign (i32.const 144) (i32.const 4) (i32.const 120) (i32.const 4)
          (i32.const 8) (i32.const 12)))
      (then (call $tell (i32.load (i32.const 8)) (i32.load (i32.const 12)))))
    (drop (call $grpc_call (i32.const 152) (i32.const 3) (i32.const 128) (i32.const 7)
      (i32.const 136) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 120) (i32.const 4)
      (i32.const 1000) (i32.const 4)))
    (i32.const 0))
  (func (export "proxy_on_grpc_receive") (param i32 i32) (param $size i32)
    (drop (call $get_buffer
      (i32.const 5) (i32.const 0) (local.get $size) (i32.const 8) (i32.const 12)))
    (call $tell (i32.load (i32.const 8)) (i32.load (i32.const 12)))))
