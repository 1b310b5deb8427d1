  ;; What every guest of the fidelity tests has: an allocator that starts anew with each callback,
  ;; and a line of text that grows byte by byte and is then logged. The host functions that a guest
  ;; uses, its texts and its callbacks are added by `guest.rs`.
  ;;
  ;; Memory: 0 to 63 what the host gives, 4096 to 61439 the line, from 65536 the texts, then the heap.

  (global $heap (mut i32) (i32.const 0))
  (global $at (mut i32) (i32.const 4096))
  (global $depth (mut i32) (i32.const 0))

  (func (export "malloc") (param $size i32) (result i32)
    (local $start i32)
    (local.set $start (global.get $heap))
    (global.set $heap
      (i32.and (i32.add (i32.add (local.get $start) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (local.get $start))

  (func $put (param $byte i32)
    (if (i32.lt_u (global.get $at) (i32.const 61439)) (then
      (i32.store8 (global.get $at) (local.get $byte))
      (global.set $at (i32.add (global.get $at) (i32.const 1))))))

  (func $text (param $text i32) (param $size i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $text) (local.get $size)))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $text) (local.get $end)))
      (call $put (i32.load8_u (local.get $text)))
      (local.set $text (i32.add (local.get $text) (i32.const 1)))
      (br $next))))

  (func $number64 (param $number i64)
    (if (i64.ge_u (local.get $number) (i64.const 10)) (then
      (call $number64 (i64.div_u (local.get $number) (i64.const 10)))))
    (call $put (i32.add (i32.const 48)
      (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10))))))

  (func $number (param $number i32)
    (call $number64 (i64.extend_i32_u (local.get $number))))

  (func $space (call $put (i32.const 32)))

  (func $hex (param $digit i32)
    (call $put (i32.add (local.get $digit)
      (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $digit) (i32.const 10))))))

  ;; Bytes as they are, and those that are no letters as \xx; at most 400, then how many there are.
  (func $escaped (param $text i32) (param $size i32)
    (local $end i32) (local $byte i32)
    (local.set $end (i32.add (local.get $text)
      (select (local.get $size) (i32.const 400) (i32.le_u (local.get $size) (i32.const 400)))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $text) (local.get $end)))
      (local.set $byte (i32.load8_u (local.get $text)))
      (if (i32.and (i32.and (i32.ge_u (local.get $byte) (i32.const 32))
                            (i32.lt_u (local.get $byte) (i32.const 127)))
                   (i32.ne (local.get $byte) (i32.const 92)))
        (then (call $put (local.get $byte)))
        (else
          (call $put (i32.const 92))
          (call $hex (i32.shr_u (local.get $byte) (i32.const 4)))
          (call $hex (i32.and (local.get $byte) (i32.const 15)))))
      (local.set $text (i32.add (local.get $text) (i32.const 1)))
      (br $next)))
    (if (i32.gt_u (local.get $size) (i32.const 400)) (then
      (call $put (i32.const 46)) (call $put (i32.const 46)) (call $number (local.get $size)))))

  (func $quoted (param $text i32) (param $size i32)
    (call $put (i32.const 34))
    (call $escaped (local.get $text) (local.get $size))
    (call $put (i32.const 34)))

  ;; Serialised pairs, as {name=value, name=value}.
  (func $pairs (param $data i32) (param $size i32)
    (local $count i32) (local $lengths i32) (local $bytes i32)
    (call $put (i32.const 123))
    (if (local.get $size) (then
      (local.set $count (i32.load (local.get $data)))
      (local.set $lengths (i32.add (local.get $data) (i32.const 4)))
      (local.set $bytes (i32.add (local.get $lengths) (i32.shl (local.get $count) (i32.const 3))))
      (block $done (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (call $escaped (local.get $bytes) (i32.load (local.get $lengths)))
        (call $put (i32.const 61))
        (local.set $bytes (i32.add (i32.const 1)
          (i32.add (local.get $bytes) (i32.load (local.get $lengths)))))
        (call $escaped (local.get $bytes) (i32.load (i32.add (local.get $lengths) (i32.const 4))))
        (local.set $bytes (i32.add (i32.const 1) (i32.add (local.get $bytes)
          (i32.load (i32.add (local.get $lengths) (i32.const 4))))))
        (local.set $lengths (i32.add (local.get $lengths) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (if (local.get $count) (then (call $put (i32.const 44)) (call $space)))
        (br $next)))))
    (call $put (i32.const 125)))

  (func $flush
    (drop (call $log (i32.const 2) (i32.const 4096) (i32.sub (global.get $at) (i32.const 4096))))
    (global.set $at (i32.const 4096)))

  ;; A callback begins. One inside another would be the host's mistake, and shows.
  (func $enter
    (if (global.get $depth)
      (then (call $put (i32.const 33)))
      (else (global.set $heap (global.get $heap_base))))
    (global.set $depth (i32.add (global.get $depth) (i32.const 1))))

  (func $leave (global.set $depth (i32.sub (global.get $depth) (i32.const 1))))
