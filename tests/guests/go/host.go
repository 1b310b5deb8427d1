// The part of the proxy-wasm ABI 0.2.1 that the plugin beside this file uses: the host's functions
// as they are imported, and above them what takes and gives strings.

package main

import (
	"encoding/binary"
	"unsafe"
)

const (
	ok          = 0
	casMismatch = 8

	levelInfo  = 2
	levelWarn  = 3
	levelError = 4

	actionContinue = 0
	actionPause    = 1

	bufferRequestBody  = 0
	bufferResponseBody = 1
	bufferCallBody     = 4
	bufferVM           = 6
	bufferPlugin       = 7

	mapRequestHeaders  = 0
	mapResponseHeaders = 2
	mapCallHeaders     = 6

	metricCounter = 0
	metricGauge   = 1
)

// A string is passed as two arguments, its address and its size.

//go:wasmimport env proxy_log
func proxyLog(level uint32, text string) uint32

//go:wasmimport env proxy_get_buffer_bytes
func proxyGetBufferBytes(kind, start, size uint32, data *uint32, length *uint32) uint32

//go:wasmimport env proxy_set_buffer_bytes
func proxySetBufferBytes(kind, start, size uint32, text string) uint32

//go:wasmimport env proxy_get_header_map_value
func proxyGetHeaderMapValue(kind uint32, name string, data *uint32, size *uint32) uint32

//go:wasmimport env proxy_replace_header_map_value
func proxyReplaceHeaderMapValue(kind uint32, name, value string) uint32

//go:wasmimport env proxy_remove_header_map_value
func proxyRemoveHeaderMapValue(kind uint32, name string) uint32

//go:wasmimport env proxy_get_property
func proxyGetProperty(path string, data *uint32, size *uint32) uint32

//go:wasmimport env proxy_get_shared_data
func proxyGetSharedData(key string, data *uint32, size *uint32, cas *uint32) uint32

//go:wasmimport env proxy_set_shared_data
func proxySetSharedData(key, value string, cas uint32) uint32

//go:wasmimport env proxy_http_call
func proxyHTTPCall(cluster, headers, body, trailers string, timeoutMS uint32, token *uint32) uint32

//go:wasmimport env proxy_send_local_response
func proxySendLocalResponse(status uint32, details, body, headers string, grpcStatus int32) uint32

//go:wasmimport env proxy_define_metric
func proxyDefineMetric(kind uint32, name string, id *uint32) uint32

//go:wasmimport env proxy_increment_metric
func proxyIncrementMetric(id uint32, by int64) uint32

//go:wasmimport env proxy_get_metric
func proxyGetMetric(id uint32, value *uint64) uint32

//go:wasmimport env proxy_set_effective_context
func proxySetEffectiveContext(id uint32) uint32

//go:wasmimport env proxy_continue_stream
func proxyContinueStream(kind uint32) uint32

//go:wasmimport env proxy_set_tick_period_milliseconds
func proxySetTickPeriod(milliseconds uint32) uint32

// What the host has put into memory that it asked for, by its address. Held here, or the collector
// would take it.
var given = map[uint32][]byte{}

// Called by the host while it runs one of the functions above.
//
//go:wasmexport proxy_on_memory_allocate
func allocate(size uint32) uint32 {
	buffer := make([]byte, max(size, 1))
	address := uint32(uintptr(unsafe.Pointer(&buffer[0])))
	given[address] = buffer
	return address
}

func take(data, size uint32) string {
	text := string(given[data][:size])
	delete(given, data)
	return text
}

func buffer(kind, size uint32) string {
	var data, length uint32
	if proxyGetBufferBytes(kind, 0, size, &data, &length) != ok {
		return ""
	}
	return take(data, length)
}

func header(kind uint32, name string) string {
	var data, size uint32
	if proxyGetHeaderMapValue(kind, name, &data, &size) != ok {
		return ""
	}
	return take(data, size)
}

// The path has a NUL between its parts.
func property(path string) string {
	var data, size uint32
	if proxyGetProperty(path, &data, &size) != ok {
		return ""
	}
	return take(data, size)
}

// Names and values as they are given to the host: how many, their sizes, then all, each with a NUL.
func pairs(texts ...string) string {
	data := binary.LittleEndian.AppendUint32(nil, uint32(len(texts)/2))
	for _, text := range texts {
		data = binary.LittleEndian.AppendUint32(data, uint32(len(text)))
	}
	for _, text := range texts {
		data = append(append(data, text...), 0)
	}
	return unsafe.String(unsafe.SliceData(data), len(data))
}
