#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR/../pipelines/scripts source=tools.sh
. "$(dirname "$0")/../pipelines/scripts/tools.sh"

if [ $# -ne 1 ] || [ "$1" = --help ]; then
  cat <<'END'
usage: peers.sh FOLDER

Makes FOLDER a virtual environment of Python and installs the peers of the benchmarks there (requirements.txt), each by
itself: one that cannot be had is named and left out.
Exit: 0 done, 64 usage, 66 no virtual environment to be had.
END
  [ $# -eq 1 ] && exit 0 || exit 64
fi
python3 -m venv "$1" || die 66 "$1: no virtual environment to be had (Debian: python3-venv)"
while read -r package; do
  case $package in '' | '#'*) continue ;; esac
  say "installing $package"
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check "$package" </dev/null ||
    say "$package cannot be had: left out"
done <"$root/benchmarks/requirements.txt"
