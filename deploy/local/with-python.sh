#!/bin/sh
# Run a script with a suitable Python: the one named in PYTHON, else the newest one found that is 3.11 or later.
set -u

suits() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if suits "$PYTHON"; then exec "$PYTHON" "$@"; fi
    echo "PYTHON=$PYTHON is not a Python 3.11 or newer that can be started; name another one." >&2
    exit 2
fi
for candidate in python3.13 python3.12 python3.11 python3; do
    if suits "$candidate"; then exec "$candidate" "$@"; fi
done
echo "bankportal needs Python 3.11 or newer and found none: install one, or name it: make <target> PYTHON=/path/to/python3" >&2
exit 2
