# The image of `spice` where Docker is: docker build -t spice-harvester/spice .
# Without Docker, image/pack makes one from a binary.
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --release --locked --package spice --features otel && cp target/release/spice /spice

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /spice /usr/bin/spice
ENTRYPOINT ["/usr/bin/spice"]
