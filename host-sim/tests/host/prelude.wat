  ;; What every guest of the tests has: the imports, an allocator, and a voice.
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $set_tick (param i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $get_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_header_map_pairs" (func $set_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $get_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_register_shared_queue" (func $register_queue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $resume (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $local_response (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $set_effective (param i32) (result i32)))
  (import "env" "proxy_done" (func $done (result i32)))
  (import "env" "proxy_define_metric" (func $define_metric (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_metric" (func $get_metric (param i32 i32) (result i32)))
  (import "env" "proxy_record_metric" (func $record_metric (param i32 i64) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment_metric (param i32 i64) (result i32)))

  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 65536))
  (func (export "proxy_abi_version_0_2_1"))

  ;; Takes memory and never gives it back, except that it starts anew before the end.
  (func $malloc (export "malloc") (param $size i32) (result i32)
    (local $start i32)
    (if (i32.gt_u (i32.add (global.get $heap) (local.get $size)) (i32.const 130000))
      (then (global.set $heap (i32.const 65536))))
    (local.set $start (global.get $heap))
    (global.set $heap (i32.add (local.get $start) (local.get $size)))
    (local.get $start))

  ;; Logs a text.
  (func $tell (param $text i32) (param $size i32)
    (drop (call $log (i32.const 2) (local.get $text) (local.get $size))))

  ;; Logs a text, a space and a number.
  (func $say (param $text i32) (param $size i32) (param $number i32)
    (local $at i32) (local $digits i32) (local $rest i32)
    (memory.copy (i32.const 4096) (local.get $text) (local.get $size))
    (local.set $at (i32.add (i32.const 4096) (local.get $size)))
    (i32.store8 (local.get $at) (i32.const 32))
    (local.set $rest (local.get $number))
    (loop $count
      (local.set $digits (i32.add (local.get $digits) (i32.const 1)))
      (local.set $rest (i32.div_u (local.get $rest) (i32.const 10)))
      (br_if $count (local.get $rest)))
    (local.set $at (i32.add (local.get $at) (local.get $digits)))
    (loop $write
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (br_if $write (local.get $number)))
    (call $tell (i32.const 4096)
      (i32.add (i32.add (local.get $size) (i32.const 1)) (local.get $digits))))

  ;; Logs what the host gave at the usual place, addresses 0 and 4: pointer and size.
  (func $tell_given (call $tell (i32.load (i32.const 0)) (i32.load (i32.const 4))))

  ;; Logs a property as text, or the status with which it is refused.
  (func $tell_property (param $path i32) (param $size i32)
    (local $status i32)
    (local.set $status
      (call $get_property (local.get $path) (local.get $size) (i32.const 0) (i32.const 4)))
    (if (local.get $status)
      (then (call $say (local.get $path) (local.get $size) (local.get $status)))
      (else (call $tell_given))))
