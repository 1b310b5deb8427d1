// A plugin in C++ against the bare ABI, which does the same as the one in Go beside it: it counts
// the words of request bodies, writes them in capitals, asks a server about some requests, refuses
// others, and numbers the responses. What it uses of C++ is what plugins use: strings, containers,
// formatted output, the clock, random numbers and the environment.
#include "proxy_wasm.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <sstream>

using namespace std::string_view_literals;
using proxy::Action;

namespace {

struct Settings {
  std::string cluster, header = "x-words";
};

struct Stream {
  std::string path;
  std::map<std::string, int> words;
};

Settings settings;
std::map<uint32_t, std::unique_ptr<Stream>> streams;
std::map<uint32_t, uint32_t> calls; // Which stream waits for the answer to which call.
uint32_t requests_metric, open_metric;

void log(const char *format, auto... values) {
  char text[512];
  int size = snprintf(text, sizeof text, format, values...);
  proxy::log(std::string(text, std::min<size_t>(size, sizeof text - 1)));
}

/// Words like `name=value`; false if one is not understood.
bool parse(const std::string &configuration) {
  std::istringstream words(configuration);
  for (std::string word; words >> word;) {
    auto equals = word.find('=');
    auto name = word.substr(0, equals);
    if (equals == std::string::npos || (name != "cluster" && name != "header")) {
      proxy::log("not understood: " + word, proxy::ERROR);
      return false;
    }
    (name == "cluster" ? settings.cluster : settings.header) = word.substr(equals + 1);
  }
  return true;
}

/// One more than the last number that any VM has given out.
int next_number() {
  for (;;) {
    char *data = nullptr;
    size_t size = 0;
    uint32_t cas = 0;
    int number = 1;
    if (proxy::proxy_get_shared_data("number", 6, &data, &size, &cas) == proxy::OK)
      number = std::stoi(proxy::take(data, size)) + 1;
    auto text = std::to_string(number);
    auto status = proxy::proxy_set_shared_data("number", 6, text.data(), text.size(), cas);
    if (status != proxy::CAS_MISMATCH) return number;
  }
}

Action ask(uint32_t id, const Stream &stream) {
  auto headers = proxy::serialised(
      {{":method", "POST"}, {":path", "/echo"}, {":authority", "words"}, {"x-stream", "asks"}});
  auto none = proxy::serialised({});
  uint32_t token = 0;
  auto status = proxy::proxy_http_call(settings.cluster.data(), settings.cluster.size(),
                                       headers.data(), headers.size(), stream.path.data(),
                                       stream.path.size(), none.data(), none.size(), 1000, &token);
  log("asked %s: %u", settings.cluster.c_str(), status);
  if (status != proxy::OK) return proxy::CONTINUE;
  calls[token] = id;
  return proxy::PAUSE;
}

Action refuse() {
  auto headers = proxy::serialised({{"x-reason", "forbidden"}});
  auto body = "no entry\n"sv;
  proxy::proxy_send_local_response(403, "", 0, body.data(), body.size(), headers.data(),
                                   headers.size(), -1);
  return proxy::PAUSE;
}

} // namespace

PROXY_EXPORT(proxy_abi_version_0_2_1) void version() {}

PROXY_EXPORT(proxy_on_context_create) void context_create(uint32_t id, uint32_t parent) {
  if (parent != 0) streams[id] = std::make_unique<Stream>();
}

PROXY_EXPORT(proxy_on_vm_start) uint32_t vm_start(uint32_t, size_t size) {
  log("VM configuration: %s", proxy::buffer(proxy::VM, size).c_str());
  auto now = std::chrono::system_clock::now().time_since_epoch();
  bool later = std::chrono::duration_cast<std::chrono::hours>(now).count() > 24 * 365 * 50;
  std::random_device random;
  bool differ = random() != random() || random() != random();
  const char *mode = getenv("MODE");
  log("later than 2020: %d, random: %d, MODE: %s", later, differ, mode ? mode : "not set");
  printf("to standard output: %s, %d\n", "text", 42);
  fflush(stdout);
  fprintf(stderr, "to standard error\n");
  return 1;
}

PROXY_EXPORT(proxy_on_configure) uint32_t configure(uint32_t, size_t size) {
  if (!parse(proxy::buffer(proxy::PLUGIN, size))) return 0;
  // Metrics belong to the whole process: each plugin has its own.
  auto requests = "words_requests_" + proxy::property("plugin_name"sv);
  proxy::proxy_define_metric(proxy::COUNTER, requests.data(), requests.size(), &requests_metric);
  proxy::proxy_define_metric(proxy::GAUGE, "words_open", 10, &open_metric);
  log("configured: %s, %s", settings.cluster.c_str(), settings.header.c_str());
  return 1;
}

PROXY_EXPORT(proxy_on_request_headers) Action request_headers(uint32_t id, uint32_t, uint32_t end) {
  auto &stream = *streams.at(id);
  stream.path = proxy::header(proxy::REQUEST_HEADERS, ":path");
  auto method = proxy::header(proxy::REQUEST_HEADERS, ":method");
  log("%u: %s %s, end: %u", id, method.c_str(), stream.path.c_str(), end);
  proxy::proxy_increment_metric(open_metric, 1);
  proxy::set_header(proxy::REQUEST_HEADERS, settings.header, "asked for");
  if (stream.path == "/trap") {
    proxy::log("giving up", proxy::WARN);
    abort();
  }
  if (stream.path == "/forbidden") return refuse();
  return stream.path.starts_with("/ask") ? ask(id, stream) : proxy::CONTINUE;
}

PROXY_EXPORT(proxy_on_request_body) Action request_body(uint32_t id, size_t size, uint32_t end) {
  if (!end) return proxy::PAUSE;
  auto &words = streams.at(id)->words;
  auto body = proxy::buffer(proxy::REQUEST_BODY, size);
  std::istringstream text(body);
  for (std::string word; text >> word;) ++words[word];
  for (const auto &[word, count] : words) log("%u: %s, %d times", id, word.c_str(), count);
  std::transform(body.begin(), body.end(), body.begin(), [](unsigned char c) { return toupper(c); });
  proxy::proxy_set_buffer_bytes(proxy::REQUEST_BODY, 0, size, body.data(), body.size());
  return proxy::CONTINUE;
}

PROXY_EXPORT(proxy_on_http_call_response)
void http_call_response(uint32_t, uint32_t token, uint32_t headers, size_t size, uint32_t) {
  auto call = calls.extract(token);
  if (call.empty()) return;
  auto status = headers ? proxy::header(proxy::CALL_HEADERS, ":status") : "none";
  auto body = proxy::buffer(proxy::CALL_BODY, size);
  log("%u: answered %s, %s", call.mapped(), status.c_str(), body.c_str());
  proxy::proxy_set_effective_context(call.mapped());
  proxy::set_header(proxy::REQUEST_HEADERS, "x-answer", status + " " + body);
  proxy::proxy_continue_stream(0);
}

PROXY_EXPORT(proxy_on_response_headers) Action response_headers(uint32_t, uint32_t, uint32_t) {
  auto name = "content-length"sv;
  proxy::proxy_remove_header_map_value(proxy::RESPONSE_HEADERS, name.data(), name.size());
  proxy::set_header(proxy::RESPONSE_HEADERS, "x-number", std::to_string(next_number()));
  return proxy::CONTINUE;
}

PROXY_EXPORT(proxy_on_response_body) Action response_body(uint32_t id, size_t size, uint32_t end) {
  if (!end) return proxy::PAUSE;
  auto more = "\nwords: " + std::to_string(streams.at(id)->words.size());
  proxy::proxy_set_buffer_bytes(proxy::RESPONSE_BODY, size, 0, more.data(), more.size());
  return proxy::CONTINUE;
}

PROXY_EXPORT(proxy_on_log) void on_log(uint32_t id) {
  auto code = proxy::property("response\0code"sv); // 8 bytes, the lowest first.
  code.resize(8);
  unsigned status = static_cast<uint8_t>(code[0]) | static_cast<uint8_t>(code[1]) << 8;
  log("%u: ended with %u, by %s", id, status, proxy::property("xds\0cluster_name"sv).c_str());
  proxy::proxy_increment_metric(requests_metric, 1);
  proxy::proxy_increment_metric(open_metric, -1);
  proxy::proxy_set_tick_period_milliseconds(20);
}

/// Some time after a request has ended; once, until the next one.
PROXY_EXPORT(proxy_on_tick) void tick(uint32_t) {
  uint64_t requests = 0, open = 0;
  proxy::proxy_get_metric(requests_metric, &requests);
  proxy::proxy_get_metric(open_metric, &open);
  log("requests: %llu, open: %llu, known: %zu", requests, open, streams.size());
  proxy::proxy_set_tick_period_milliseconds(0);
}

PROXY_EXPORT(proxy_on_done) uint32_t done(uint32_t) { return 1; }

PROXY_EXPORT(proxy_on_delete) void on_delete(uint32_t id) { streams.erase(id); }
