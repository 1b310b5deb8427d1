"""What OpenAPI cannot say about the interface, so that generated requests keep to it.

Requests that are meant to be wrong stay as they are: the service has to refuse them.
"""

import json

import schemathesis

NDJSON = "application/x-ndjson"

# What is tried as a header that is not described.
UNKNOWN_HEADER = "x-schemathesis-unknown-property"

# Where `hour` or `from` must be given.
NEEDS_HOURS = {"/v1/audit", "/v1/flows", "/v1/summary"}

# The fields that share a bound on the number of their names, and the bound.
NAMES = ["src_app", "dest_app", "vpc_id"]
MOST_NAMES = 100


@schemathesis.serializer(NDJSON)
def write_lines(context, value):
    """A document on each line; what is no list is sent as it is, to be refused."""
    lines = value if isinstance(value, list) else [value]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@schemathesis.deserializer(NDJSON)
def read_lines(context, response):
    return [json.loads(line) for line in response.text.splitlines()]


@schemathesis.hook
def filter_case(context, case):
    """A stream has no end, so only requests that are refused are sent to it. And there is nothing
    wrong with a header that nobody knows."""
    endless = case.path == "/v1/stream" and is_good(case)
    return not endless and UNKNOWN_HEADER not in case.headers


@schemathesis.hook
def map_case(context, case):
    if not is_good(case):
        return case
    if isinstance(case.query, dict):
        make_consistent(case.path, case.query)
    case.body = with_plain_integers(case.body)
    ask_for_each_format(case)
    return case


def is_good(case):
    return case.meta is None or case.meta.generation.mode.is_positive


def make_consistent(path, query):
    # One hour, or a range; it depends on the path whether one of them must be given.
    if "hour" in query:
        query.pop("from", None)
        query.pop("to", None)
    elif path in NEEDS_HOURS and "from" not in query:
        query["hour"] = 1
        query.pop("to", None)
    left = MOST_NAMES
    for field in NAMES:
        if isinstance(query.get(field), list):
            query[field] = query[field][:left]
            left -= len(query[field])
    # A cursor comes from an answer to the same query; one that was made up is refused.
    query.pop("cursor", None)


def with_plain_integers(value):
    """JSON Schema takes 7.0 for an integer; the wire format has integers without a fraction."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [with_plain_integers(item) for item in value]
    if isinstance(value, dict):
        return {name: with_plain_integers(item) for name, item in value.items()}
    return value


def ask_for_each_format(case):
    answers = case.operation.definition.raw["responses"].get("200", {})
    formats = sorted(answers.get("content", {}))
    if len(formats) > 1:
        # The same request always asks for the same format.
        case.headers["Accept"] = formats[len(repr(case.query)) % len(formats)]
