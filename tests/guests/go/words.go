// A plugin in Go against the bare ABI, which does the same as the one in C++ beside it: it counts
// the words of request bodies, writes them in capitals, asks a server about some requests, refuses
// others, and numbers the responses. What it uses of Go is what plugins use: strings, maps,
// formatted output, the clock, random numbers and the environment.

package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

type stream struct {
	path  string
	words map[string]int
}

var (
	cluster, headerName = "", "x-words"

	streams = map[uint32]*stream{}
	calls   = map[uint32]uint32{} // Which stream waits for the answer to which call.

	requestsMetric, openMetric uint32
)

func main() {}

func log(format string, values ...any) {
	proxyLog(levelInfo, fmt.Sprintf(format, values...))
}

// Words like `name=value`; false if one is not understood.
func parse(configuration string) bool {
	for _, word := range strings.Fields(configuration) {
		name, value, found := strings.Cut(word, "=")
		switch {
		case found && name == "cluster":
			cluster = value
		case found && name == "header":
			headerName = value
		default:
			proxyLog(levelError, "not understood: "+word)
			return false
		}
	}
	return true
}

// One more than the last number that any VM has given out.
func nextNumber() int {
	for {
		var data, size, cas uint32
		number := 1
		if proxyGetSharedData("number", &data, &size, &cas) == ok {
			last, err := strconv.Atoi(take(data, size))
			if err != nil {
				panic(err)
			}
			number = last + 1
		}
		if proxySetSharedData("number", strconv.Itoa(number), cas) != casMismatch {
			return number
		}
	}
}

func ask(id uint32, path string) uint32 {
	headers := pairs(":method", "POST", ":path", "/echo", ":authority", "words", "x-stream", "asks")
	var token uint32
	status := proxyHTTPCall(cluster, headers, path, pairs(), 1000, &token)
	log("asked %s: %d", cluster, status)
	if status != ok {
		return actionContinue
	}
	calls[token] = id
	return actionPause
}

func refuse() uint32 {
	proxySendLocalResponse(403, "", "no entry\n", pairs("x-reason", "forbidden"), -1)
	return actionPause
}

//go:wasmexport proxy_abi_version_0_2_1
func version() {}

//go:wasmexport proxy_on_context_create
func onContextCreate(id, parent uint32) {
	if parent != 0 {
		streams[id] = &stream{words: map[string]int{}}
	}
}

//go:wasmexport proxy_on_vm_start
func onVMStart(_, size uint32) uint32 {
	log("VM configuration: %s", buffer(bufferVM, size))
	later := time.Now().Year() > 2020
	var random, other [16]byte
	rand.Read(random[:])
	rand.Read(other[:])
	mode, found := os.LookupEnv("MODE")
	if !found {
		mode = "not set"
	}
	log("later than 2020: %d, random: %d, MODE: %s", number(later), number(random != other), mode)
	fmt.Printf("to standard output: %s, %d\n", "text", 42)
	fmt.Fprintln(os.Stderr, "to standard error")
	return 1
}

func number(value bool) int {
	if value {
		return 1
	}
	return 0
}

//go:wasmexport proxy_on_configure
func onConfigure(_, size uint32) uint32 {
	if !parse(buffer(bufferPlugin, size)) {
		return 0
	}
	// Metrics belong to the whole process: each plugin has its own.
	proxyDefineMetric(metricCounter, "words_requests_"+property("plugin_name"), &requestsMetric)
	proxyDefineMetric(metricGauge, "words_open", &openMetric)
	log("configured: %s, %s", cluster, headerName)
	return 1
}

//go:wasmexport proxy_on_request_headers
func onRequestHeaders(id, _, end uint32) uint32 {
	path := header(mapRequestHeaders, ":path")
	streams[id].path = path
	log("%d: %s %s, end: %d", id, header(mapRequestHeaders, ":method"), path, end)
	proxyIncrementMetric(openMetric, 1)
	proxyReplaceHeaderMapValue(mapRequestHeaders, headerName, "asked for")
	switch {
	case path == "/trap":
		proxyLog(levelWarn, "giving up")
		panic("a panic of Go")
	case path == "/forbidden":
		return refuse()
	case strings.HasPrefix(path, "/ask"):
		return ask(id, path)
	}
	return actionContinue
}

//go:wasmexport proxy_on_request_body
func onRequestBody(id, size, end uint32) uint32 {
	if end == 0 {
		return actionPause
	}
	words := streams[id].words
	body := buffer(bufferRequestBody, size)
	for _, word := range strings.Fields(body) {
		words[word]++
	}
	for _, word := range slices.Sorted(maps.Keys(words)) {
		log("%d: %s, %d times", id, word, words[word])
	}
	proxySetBufferBytes(bufferRequestBody, 0, size, strings.ToUpper(body))
	return actionContinue
}

//go:wasmexport proxy_on_http_call_response
func onHTTPCallResponse(_, token, headers, size, _ uint32) {
	id, found := calls[token]
	if !found {
		return
	}
	delete(calls, token)
	status := "none"
	if headers > 0 {
		status = header(mapCallHeaders, ":status")
	}
	body := buffer(bufferCallBody, size)
	log("%d: answered %s, %s", id, status, body)
	proxySetEffectiveContext(id)
	proxyReplaceHeaderMapValue(mapRequestHeaders, "x-answer", status+" "+body)
	proxyContinueStream(0)
}

//go:wasmexport proxy_on_response_headers
func onResponseHeaders(_, _, _ uint32) uint32 {
	proxyRemoveHeaderMapValue(mapResponseHeaders, "content-length")
	proxyReplaceHeaderMapValue(mapResponseHeaders, "x-number", strconv.Itoa(nextNumber()))
	return actionContinue
}

//go:wasmexport proxy_on_response_body
func onResponseBody(id, size, end uint32) uint32 {
	if end == 0 {
		return actionPause
	}
	more := fmt.Sprintf("\nwords: %d", len(streams[id].words))
	proxySetBufferBytes(bufferResponseBody, size, 0, more)
	return actionContinue
}

//go:wasmexport proxy_on_log
func onLog(id uint32) {
	var status uint64 // None if there was no response.
	if code := property("response\x00code"); len(code) == 8 {
		status = binary.LittleEndian.Uint64([]byte(code))
	}
	log("%d: ended with %d, by %s", id, status, property("xds\x00cluster_name"))
	proxyIncrementMetric(requestsMetric, 1)
	proxyIncrementMetric(openMetric, -1)
	proxySetTickPeriod(20)
}

// Some time after a request has ended; once, until the next one.
//
//go:wasmexport proxy_on_tick
func onTick(_ uint32) {
	var requests, open uint64
	proxyGetMetric(requestsMetric, &requests)
	proxyGetMetric(openMetric, &open)
	log("requests: %d, open: %d, known: %d", requests, open, len(streams))
	proxySetTickPeriod(0)
}

//go:wasmexport proxy_on_done
func onDone(_ uint32) uint32 { return 1 }

//go:wasmexport proxy_on_delete
func onDelete(id uint32) { delete(streams, id) }
