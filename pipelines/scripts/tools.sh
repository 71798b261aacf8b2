# shellcheck shell=bash
# Read by the other scripts: where the tools are, how messages look, and how what was started is ended.

set -euo pipefail
export LC_ALL=C # decimal points, whatever the user's language

script=$(basename "$0")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# The folder of the tools: NN_BIN if that is set, else the release build beside these scripts.
bin=${NN_BIN:-$root/.build/release}

# visible TEXT: prints it with a ? for whatever a terminal would obey: control characters of ASCII and of Unicode (C1), and those
# that turn the direction of writing or end a line.
visible() {
  local text=${1//[[:cntrl:]]/?}
  text=${text//$'\xc2'[$'\x80'-$'\x9f']/?}
  text=${text//$'\xe2\x80'[$'\x8b'-$'\x8f'$'\xa8'-$'\xae']/?}
  printf '%s' "${text//$'\xe2\x81'[$'\xa0'-$'\xaf']/?}"
}

# say MESSAGE: one line on standard error, headed as the tools head theirs.
say() { printf '%s: %s\n' "$script" "$(visible "$1")" >&2; }

# die STATUS MESSAGE: says it and ends the script; the statuses are those of the tools.
die() {
  say "$2"
  exit "$1"
}

# tests_that WORD LOG: the lines of the tests in a log of Swift Testing that `passed` or `failed`. One with arguments stands once, not
# again for each of its cases; the last line, of all of them, is no test.
tests_that() {
  grep -E "^[^ ]* +Test .* $1 after " "$2" | grep -v -E '^[^ ]* +Test (case passing|run with) ' || true
}

# need_tools: ends the script unless the tools are built.
need_tools() {
  [ -x "$bin/nn-batch" ] || die 66 "no tools in $bin: make build makes them, NN_BIN names another folder"
}

# now: seconds since 1970; whole ones before bash 5.
now() { printf '%s\n' "${EPOCHREALTIME:-$(date +%s)}"; }

# seconds_since START: the seconds that have passed since `now` said START.
seconds_since() { awk -v start="$1" -v end="$(now)" 'BEGIN { printf "%.3f\n", end - start }'; }

# make_folder WHERE: makes $tmp, a folder there that goes when the script ends, with all that run_as_group started,
# whether the script comes to its end or a signal ends it.
tmp=
make_folder() {
  local caught=
  trap 'caught=129' HUP
  trap 'caught=130' INT
  trap 'caught=143' TERM
  tmp=$(trap '' HUP INT TERM && mktemp -d "$1/nn-tools.XXXXXX") || exit 73
  trap 'end_everything $?' EXIT
  trap 'end_everything 129' HUP
  trap 'end_everything 130' INT
  trap 'end_everything 143' TERM
  [ -z "$caught" ] || exit "$caught"
}

# end_everything STATUS: ends what run_as_group started, removes $tmp, and exits. nn-train takes its time, for it saves what
# it has; so a further signal is passed on too, and ends it at once.
end_everything() {
  local group
  trap end_groups HUP INT TERM
  end_groups
  for group in $(jobs -p); do
    # A signal interrupts the wait; what was waited for to its end is no process any more.
    while ! wait "$group" 2>/dev/null && kill -0 "$group" 2>/dev/null; do :; done
  done
  trap '' HUP INT TERM
  rm -rf "$tmp"
  exit "$1"
}

end_groups() {
  local group
  for group in $(jobs -p); do kill -TERM -- "-$group" 2>/dev/null || true; done
}

# run_as_group COMMAND…: runs it as a process group of its own and returns its status. A signal to the script is
# handled at once, not when COMMAND has ended, and then ends every process of the group; the trap keeps the group's
# first process until it has waited for the others. COMMAND does without the descriptors 7 and 8, which are a script's own.
run_as_group() {
  local status=0
  set -m
  {
    trap 'exit 143' TERM
    "$@"
  } 7>&- 8>&- &
  set +m
  wait $! || status=$?
  return "$status"
}
