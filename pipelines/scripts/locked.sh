#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

if [ $# -lt 2 ] || [ "$1" = --help ]; then
  [ "${1-}" = --help ] || exec >&2
  cat <<'END'
usage: locked.sh FILE COMMAND…

Runs COMMAND while nobody else runs one under the same FILE, which is made and stays. The lock is the kernel's: COMMAND and
all that it starts hold it, and when the last of them has ended, however that came about, it is free.
Exit: that of COMMAND, 75 another one runs, 73 FILE cannot be made.
END
  [ "${1-}" = --help ] && exit 0 || exit 64
fi

file=$1
shift
command -v flock >/dev/null || die 66 'flock is missing: make setup installs it'
mkdir -p "$(dirname "$file")" || exit 73
exec 9>>"$file" || exit 73
flock --nonblock 9 || die 75 "$(dirname "$file"): another run is at work there, try later"
exec "$@"
