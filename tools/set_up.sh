#!/bin/sh
# Make the virtual environment $1 (once) and install the pinned requirements $2 and maildns into it.
set -eu
venv=$1
requirements=$2

python=$(command -v python3) || { echo "maildns needs python3" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "maildns needs Python 3.11 or newer; $python is $("$python" --version)" >&2
    exit 1
}
if [ ! -x "$venv/bin/pip" ]; then
    # Debian's python3 has no ensurepip until python3-venv is there.
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        rm -rf "$venv"
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get update -q >/dev/null
            DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3-venv >/dev/null 2>&1
        else
            echo "install python3-venv first: sudo apt-get install python3-venv" >&2
            exit 1
        fi
        "$python" -m venv "$venv"
    fi
fi
"$venv/bin/pip" install -q --disable-pip-version-check -r "$requirements"
"$venv/bin/pip" install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
