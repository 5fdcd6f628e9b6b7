# Everyday tasks; `just` lists them. Install it with `cargo install just` or `pip install rust-just`.
# Nothing needs it: each recipe is one or two commands that can be typed.

export CARGO_TARGET_DIR := env('CARGO_TARGET_DIR', home_directory() / '.cache/spice/target')

[private]
default:
    @just --list --unsorted

# Format all code
fmt:
    cargo fmt --all

# Lint one crate, or all of them: just lint spice-core
lint crate='':
    cargo clippy {{ if crate == '' { '--workspace' } else { '--package ' + crate } }} --all-targets -- -D warnings

# Run the tests of one crate, or one test of it: just test spice-core chain
test crate filter='':
    cargo test --package {{ crate }} -- {{ filter }}

# Run everything that CI runs (`just all --long` for the long version)
all *arguments:
    ./test {{ arguments }}

# Run the black-box tests of one target against the debug binary: just e2e cli round_trip
e2e target filter='':
    cargo build --package spice --features otel
    SPICE_BIN=$CARGO_TARGET_DIR/debug/spice cargo test --package spice-e2e --test {{ target }} -- {{ filter }}

# Run one test target many times on a busy machine: just stress kill 20
stress target runs='20' *filter:
    e2e/stress {{ target }} {{ runs }} {{ filter }}

# Run the simulation with a seed and a number of random runs: just sim 77 500
sim seed='' runs='':
    {{ if seed == '' { '' } else { 'SPICE_SIM_SEED=' + seed } }} {{ if runs == '' { '' } else { 'SPICE_SIM_RUNS=' + runs } }} cargo test --package spice-e2e --test crash_anywhere -- --nocapture

# Fuzz one target for some seconds: just fuzz names 60
fuzz target='' seconds='60':
    fuzz/run {{ seconds }} {{ target }}

# Run one benchmark on the release build: just bench accept --commands 20000
bench name *arguments:
    cargo build --release --package spice --package spice-benches
    $CARGO_TARGET_DIR/release/{{ name }} {{ arguments }}

# Write docs/reference, the manifests and what the charts copy anew
gen:
    cargo run --package spice-crds --bin crdgen
    cargo build --workspace --features spice/otel
    cp docs/operations/alerts.yaml charts/spice-harvester/files/
    SPICE_WRITE_REFERENCE=1 cargo test --workspace --test reference --test charts

# Check licenses, sources and unused dependencies
dependencies:
    e2e/dependencies

# Start a node on a throwaway directory: just dev --apply manifests/demo/ontology.yaml
dev *arguments:
    cargo run --package spice -- dev --data-dir "$(mktemp -d)" {{ arguments }}
