#!/usr/bin/env bash
# What the project needs on a Debian machine: looked for, and installed where it is missing.
#
#   setup.sh cli     what the command line needs to be built
#   setup.sh window  … and the window
#   setup.sh test    … and all tests
#
# Says what it does; does nothing, quickly, where nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."
wanted=${1:-test}

cli=(build-essential pkg-config)
window=(libwebkit2gtk-4.1-dev libgtk-3-dev libdbus-1-dev librsvg2-dev)
tests=(xvfb webkit2gtk-driver dbus-x11 xdotool imagemagick openbox at-spi2-core fonts-noto-cjk
    openssl sqlite3 python3 python3-venv strace)

say() { printf 'setup: %s\n' "$*"; }
give_up() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# Whether version $1 is at least version $2.
at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

need_rust() {
    local least have
    least=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    command -v cargo >/dev/null || give_up "Rust is missing. Install it with:" \
        "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
    have=$(rustc --version | cut -d ' ' -f 2)
    at_least "$have" "$least" || give_up "Rust is $have, $least is needed. Update it with:" "  rustup update stable"
    if [ "$wanted" = test ] && ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1; then
        command -v rustup >/dev/null || give_up "rustfmt or clippy is missing: install them beside cargo"
        say "adding rustfmt and clippy to Rust"
        rustup component add rustfmt clippy
    fi
}

need_node() {
    local least=20.19 have=none
    ! command -v node >/dev/null || have=$(node --version | tr -d v)
    if [ "$have" = none ] || ! at_least "$have" "$least" || ! command -v npm >/dev/null; then
        give_up "Node is $have, $least with npm is needed. Install it with:" \
            "  curl -fsSL https://deb.nodesource.com/setup_22.x | sudo bash - && sudo apt-get install -y nodejs"
    fi
}

need_packages() {
    command -v dpkg-query >/dev/null || {
        say "this is no Debian: I trust that it has what these packages hold: $*"
        return
    }
    local package missing=() as_root=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || give_up "these Debian packages are missing; as root, run:" \
            "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing the Debian packages that are missing: ${missing[*]}"
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

need_page_libraries() {
    local stamp=ui/node_modules/.installed lock
    lock=$(cat ui/package.json ui/package-lock.json | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null || true)" != "$lock" ] || return 0
    say "installing the page's libraries (npm ci)"
    (cd ui && npm ci --no-audit --no-fund)
    printf '%s\n' "$lock" >"$stamp"
}

# Debian's own python3-websockets is too old to have the interface that clients of CFMS servers use.
need_python_libraries() {
    local wanted="websockets==15.0.1" stamp=target/python/.installed
    [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ] || return 0
    say "installing a Python library for the tests into target/python: $wanted"
    mkdir -p target
    python3 -m venv target/python
    target/python/bin/pip install --quiet --disable-pip-version-check "$wanted"
    printf '%s\n' "$wanted" >"$stamp"
}

need_rust
case $wanted in
    cli) need_packages "${cli[@]}" ;;
    window) need_node; need_packages "${cli[@]}" "${window[@]}"; need_page_libraries ;;
    test) need_node; need_packages "${cli[@]}" "${window[@]}" "${tests[@]}"; need_page_libraries; need_python_libraries ;;
    *) give_up "there is no set of needs named $wanted" ;;
esac
say "all that is needed is here"
