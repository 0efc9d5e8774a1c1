#!/usr/bin/env bash
# Installs what the tests need into .venv (and, as root on Debian, the real parts that they
# talk to), then runs every check. Arguments go to pytest: deploy/test.sh -k outbox
set -euo pipefail
cd "$(dirname "$0")/.."

# Real parts: a broker, a browser with its driver, a database server, and an RTSP server.
packages=(
  mosquitto chromium chromium-driver postgresql libgl1 libglib2.0-0
  python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good
)
missing=()
for package in "${packages[@]}"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
install() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  echo "installing $*"
  apt-get update -qq || true # what is cached may do
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
if ((${#missing[@]})) && ! install "${missing[@]}"; then
  echo "not installed, tests that need them are skipped: ${missing[*]}"
fi

if [ ! -x .venv/bin/python ]; then
  python3 -m venv .venv
fi
if [ ! -e .venv/.tested ] || [ setup.cfg -nt .venv/.tested ]; then
  echo "installing Python packages into .venv"
  .venv/bin/python -m pip install -q --upgrade pip
  .venv/bin/python -m pip install -q -e '.[dev,train]'
  touch .venv/.tested
fi

run() {
  echo "== $*"
  ".venv/bin/$1" "${@:2}"
}
run ruff check .
run ruff format --check .
run mypy
run lint-imports
run python -m shelf.schema --check configs/schema
# Two at a time: most wait for brokers, browsers and agents. A file stays together.
run pytest -n 2 --dist loadfile "$@"
