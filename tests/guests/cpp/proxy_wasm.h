// The part of the proxy-wasm ABI 0.2.1 that the plugin beside this file uses, as C++: the host's
// functions as they are imported, and above them what takes and gives strings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#define PROXY_EXPORT(name) extern "C" __attribute__((export_name(#name)))
#define PROXY_IMPORT(name) __attribute__((import_module("env"), import_name(#name)))

namespace proxy {

enum Status : uint32_t { OK = 0, NOT_FOUND = 1, CAS_MISMATCH = 8 };
enum Level : uint32_t { INFO = 2, WARN = 3, ERROR = 4 };
enum Action : uint32_t { CONTINUE = 0, PAUSE = 1 };
enum Buffer : uint32_t { REQUEST_BODY = 0, RESPONSE_BODY = 1, CALL_BODY = 4, VM = 6, PLUGIN = 7 };
enum Map : uint32_t { REQUEST_HEADERS = 0, RESPONSE_HEADERS = 2, CALL_HEADERS = 6 };
enum Metric : uint32_t { COUNTER = 0, GAUGE = 1 };
using Pairs = std::vector<std::pair<std::string, std::string>>;

extern "C" {
PROXY_IMPORT(proxy_log) Status proxy_log(Level, const char *, size_t);
PROXY_IMPORT(proxy_get_buffer_bytes)
Status proxy_get_buffer_bytes(Buffer, size_t start, size_t size, char **, size_t *);
PROXY_IMPORT(proxy_set_buffer_bytes)
Status proxy_set_buffer_bytes(Buffer, size_t start, size_t size, const char *, size_t);
PROXY_IMPORT(proxy_get_header_map_value)
Status proxy_get_header_map_value(Map, const char *, size_t, char **, size_t *);
PROXY_IMPORT(proxy_replace_header_map_value)
Status proxy_replace_header_map_value(Map, const char *, size_t, const char *, size_t);
PROXY_IMPORT(proxy_remove_header_map_value)
Status proxy_remove_header_map_value(Map, const char *, size_t);
PROXY_IMPORT(proxy_get_property) Status proxy_get_property(const char *, size_t, char **, size_t *);
PROXY_IMPORT(proxy_get_shared_data)
Status proxy_get_shared_data(const char *, size_t, char **, size_t *, uint32_t *cas);
PROXY_IMPORT(proxy_set_shared_data)
Status proxy_set_shared_data(const char *, size_t, const char *, size_t, uint32_t cas);
PROXY_IMPORT(proxy_http_call)
Status proxy_http_call(const char *cluster, size_t, const char *headers, size_t, const char *body,
                       size_t, const char *trailers, size_t, uint32_t timeout_ms, uint32_t *token);
PROXY_IMPORT(proxy_send_local_response)
Status proxy_send_local_response(uint32_t status, const char *details, size_t, const char *body,
                                 size_t, const char *headers, size_t, int32_t grpc_status);
PROXY_IMPORT(proxy_define_metric)
Status proxy_define_metric(Metric, const char *, size_t, uint32_t *id);
PROXY_IMPORT(proxy_increment_metric) Status proxy_increment_metric(uint32_t id, int64_t by);
PROXY_IMPORT(proxy_get_metric) Status proxy_get_metric(uint32_t id, uint64_t *value);
PROXY_IMPORT(proxy_set_effective_context) Status proxy_set_effective_context(uint32_t context);
PROXY_IMPORT(proxy_continue_stream) Status proxy_continue_stream(uint32_t kind);
PROXY_IMPORT(proxy_set_tick_period_milliseconds)
Status proxy_set_tick_period_milliseconds(uint32_t);
}

/// What the host has put into memory that it asked `malloc` for.
inline std::string take(char *data, size_t size) {
  std::string text(data ? data : "", data ? size : 0);
  free(data);
  return text;
}

inline void log(const std::string &text, Level level = INFO) {
  proxy_log(level, text.data(), text.size());
}

inline std::string buffer(Buffer kind, size_t size) {
  char *data = nullptr;
  size_t length = 0;
  return proxy_get_buffer_bytes(kind, 0, size, &data, &length) == OK ? take(data, length) : "";
}

inline std::string header(Map map, std::string_view name) {
  char *data = nullptr;
  size_t size = 0;
  auto status = proxy_get_header_map_value(map, name.data(), name.size(), &data, &size);
  return status == OK ? take(data, size) : "";
}

inline void set_header(Map map, std::string_view name, std::string_view value) {
  proxy_replace_header_map_value(map, name.data(), name.size(), value.data(), value.size());
}

/// `path` has a NUL between its parts.
inline std::string property(std::string_view path) {
  char *data = nullptr;
  size_t size = 0;
  auto status = proxy_get_property(path.data(), path.size(), &data, &size);
  return status == OK ? take(data, size) : "";
}

/// Pairs as they are given to the host: their count, their sizes, then all texts, each with a NUL.
inline std::string serialised(const Pairs &pairs) {
  std::string sizes, texts;
  auto put = [&sizes](size_t number) {
    for (int shift = 0; shift < 32; shift += 8) sizes.push_back(static_cast<char>(number >> shift));
  };
  put(pairs.size());
  for (const auto &[name, value] : pairs) {
    put(name.size());
    put(value.size());
    texts.append(name).push_back('\0');
    texts.append(value).push_back('\0');
  }
  return sizes + texts;
}

} // namespace proxy
