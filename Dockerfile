# `fas` in an image of one file: statically linked, with nothing else in it, for a user who is nobody.
#
#     docker build --tag registry.example.com/fas:0.1.0 .
#     docker run --rm --publish 127.0.0.1:8080:8080 --volume fas:/var/lib/fas \
#         --read-only --cap-drop ALL --security-opt no-new-privileges \
#         registry.example.com/fas:0.1.0 serve --listen 0.0.0.0:8080 --insecure
#
# And the filter as an image that Istio's WasmPlugin fetches (`url: oci://...`):
#
#     docker build --target filter --tag registry.example.com/flow-filter:0.1.0 .
#
# It needs BuildKit, which is the default of today's Docker. CI lints this file, and cannot build it.
FROM rust:1.95-alpine AS source
# Alpine's C library is musl, and Rust links it statically. The C compiler is for the allocator,
# zstd and the cryptography.
# hadolint ignore=DL3018
RUN apk add --no-cache build-base
WORKDIR /source
COPY . .

# Files for browsers, the same for every machine. Nothing that comes along from npm is run but Vite and
# TypeScript.
FROM node:22-slim AS build-dashboard
WORKDIR /dashboard
COPY dashboard/package.json dashboard/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY dashboard/ ./
RUN npm run build

FROM source AS build-fas
COPY --from=build-dashboard /dashboard/dist/ dashboard/dist/
ENV CARGO_PROFILE_RELEASE_STRIP=symbols
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --package aggregator --bin fas \
    && install -D -m 755 target/release/fas /image/fas \
    && install -d -m 700 /image/var/lib/fas

FROM source AS build-filter
RUN rustup target add wasm32-unknown-unknown
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --profile plugin --locked --package flow-filter --lib \
        --target wasm32-unknown-unknown \
    && install -D -m 644 target/wasm32-unknown-unknown/plugin/flow_filter.wasm /image/plugin.wasm

FROM scratch AS filter
COPY --from=build-filter /image/ /

# The last one is what is built when nothing is asked for.
FROM scratch AS fas
COPY --from=build-fas --chown=65532:65532 /image/ /
# By number: there is no list of users in the image.
USER 65532:65532
# Not FAS_DATA, which is an error where FAS_STORE names a cluster. `fas` is the directory in there.
ENV XDG_DATA_HOME=/var/lib
VOLUME /var/lib/fas
EXPOSE 8080
ENTRYPOINT ["/fas"]
CMD ["serve"]
