#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

if [ $# -ne 1 ] || [ "$1" = --help ]; then
  cat <<'END'
usage: stamp.sh FILE

Makes standard input the content of FILE, which is touched only when that changes it. So what depends on FILE in a
Makefile is made anew when a setting changes, and only then. Says which lines a change drops and adds.
END
  [ $# -eq 1 ] && exit 0 || exit 64
fi

new=$(cat)
if [ -e "$1" ]; then
  changes=$(diff -- "$1" - <<<"$new" || true)
  [ -n "$changes" ] || exit 0
  say "$1 changes:"
  sed -n 's/^</  -/p; s/^>/  +/p' <<<"$changes" |
    while IFS= read -r line; do printf '%s\n' "$(visible "$line")"; done >&2
fi
mkdir -p -- "$(dirname -- "$1")" || exit 73
printf '%s\n' "$new" >"$1.partial.$$"
mv -- "$1.partial.$$" "$1"
