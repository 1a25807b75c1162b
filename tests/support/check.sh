#!/usr/bin/env bash
# Every check of the project, one after the other; a check that fails does not hide the next one. Ends with a table.
set -uo pipefail
cd "$(dirname "$0")/../.."

results=() failed=0
log=target/check.log
mkdir -p target && : >"$log"

# check NAME COMMAND…: runs it, shows and keeps what it says, notes how it ended.
check() {
    local name=$1 begun=$SECONDS ended=ok
    shift
    printf '\n── %s\n' "$name"
    "$@" 2>&1 | tee -a "$log"
    [ "${PIPESTATUS[0]}" -eq 0 ] || { ended=FAILED; failed=1; }
    results+=("$(printf '%-34s %-6s %4d s' "$name" "$ended" $((SECONDS - begun)))")
}

in_ui() { (cd ui && "$@"); }

check 'Rust is formatted' cargo fmt --all --check
check 'page: types' in_ui npm run --silent check
check 'page: tests' in_ui npm run --silent test
check 'page: build' in_ui npm run --silent build
check 'clippy' cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
check 'programs are built' cargo build --workspace --locked
# The tests named export_bindings_… write the types that the page shares with Rust: here beside, to be compared.
export TS_RS_EXPORT_DIR=$PWD/target/bindings
rm -rf "$TS_RS_EXPORT_DIR"
check 'engine, command line, window' cargo test --workspace --locked --no-fail-fast
check 'generated types are not stale' diff -r ui/src/lib/bindings "$TS_RS_EXPORT_DIR"

printf '\n── Summary\n'
printf '%s\n' "${results[@]}"
grep -oE 'skipped: .*|^test .* ignored, .*' "$log" | sort | uniq -c
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
    END { printf "Rust tests: %d passed, %d failed, %d ignored\n", passed, failed, ignored }' "$log"
[ $failed -eq 0 ] && echo 'Everything is as it should be.' || echo 'Something FAILED: see above.'
exit $failed
