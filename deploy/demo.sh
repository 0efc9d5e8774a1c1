#!/bin/sh
# The demo with one command, on a fresh machine: makes .venv in this checkout, installs
# Shelfwatch into it, and starts `shelfwatch demo`. Arguments go to the demo:
#   deploy/demo.sh --port 8090
# Needs python 3.11 or newer and, the first time, a package index. PYTHON chooses another python.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv="$root/.venv"
stamp="$venv/.shelfwatch-installed"
log="$venv/install.log"
python=${PYTHON:-python3}

say() { printf 'demo: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Runs a command as root: directly, or by sudo when it does not ask for a password.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

# Installs Debian packages, or says what somebody has to install.
apt_install() {
    mkdir -p "$venv"
    command -v apt-get >/dev/null 2>&1 || fail "please install: $*"
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >>"$log" 2>&1 && return
    { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq "$@"; } >>"$log" 2>&1 \
        || fail "please run: sudo apt-get update && sudo apt-get install $*"
}

command -v "$python" >/dev/null 2>&1 || apt_install python3 python3-venv
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || fail "expected python 3.11 or newer, found $("$python" --version 2>&1); set PYTHON=..."

# What the installation depends on; when it changes, it is installed again.
wanted=$({ "$python" -c 'import sys; print(sys.executable, sys.version)'
           echo "$root"; cat "$root/setup.cfg" "$root/pyproject.toml"; } | cksum)

if [ ! -x "$venv/bin/shelfwatch" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    say "installing into $venv; the first time this takes a few minutes"
    mkdir -p "$venv"
    rm -f "$stamp"
    : >"$log"
    if ! "$venv/bin/python" -m pip --version >>"$log" 2>&1; then
        "$python" -m venv "$venv" >>"$log" 2>&1 || {
            apt_install python3-venv
            "$python" -m venv "$venv" >>"$log" 2>&1 || fail "no virtual environment; see $log"
        }
    fi
    "$venv/bin/python" -m pip install --disable-pip-version-check -q -e "$root[central,tool]" \
        >>"$log" 2>&1 || { tail -n 15 "$log" >&2; fail "pip failed; all of it is in $log"; }
    printf '%s\n' "$wanted" >"$stamp"
fi

# OpenCV's wheel needs two system libraries that a bare Debian does not have.
if ! why=$("$venv/bin/python" -c 'import cv2' 2>&1); then
    case $why in
        *libGL*|*libgthread*|*libglib*) apt_install libgl1 libglib2.0-0 ;;
    esac
    "$venv/bin/python" -c 'import cv2' || fail "OpenCV cannot be loaded"
fi

exec "$venv/bin/shelfwatch" demo "$@"
