#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

if [ $# -ne 3 ]; then
  [ "${1-}" = --help ] || exec >&2
  cat <<'END'
usage: fetch.sh URL SHA256 TARGET

Downloads URL to TARGET, which appears only when its SHA-256 is right.
Exit: 0 done, 65 another SHA-256, 66 not to be had, 73 TARGET cannot be created.
END
  [ "${1-}" = --help ] && exit 0 || exit 64
fi
url=$1 expected=$2 target=$3

if command -v curl >/dev/null; then
  download() { curl --fail --location --silent --show-error --retry 2 --output "$1" "$url"; }
elif command -v wget >/dev/null; then
  download() { wget --no-verbose --tries 3 --output-document "$1" "$url"; }
else
  die 66 "$url: found neither curl nor wget to download it with"
fi
if command -v sha256sum >/dev/null; then
  digest() { sha256sum; }
else
  digest() { shasum -a 256; }
fi

mkdir -p "$(dirname "$target")" || exit 73
make_folder "$(dirname "$target")" # on the target's disk, so that moving is renaming
say "downloading $url"
run_as_group download "$tmp/download" || die 66 "$url: could not be downloaded whole; nothing is kept"
found=$(digest <"$tmp/download" | cut -d ' ' -f 1)
[ "$found" = "$expected" ] || die 65 "$url: found SHA-256 $found, expected $expected; nothing is kept"
mv "$tmp/download" "$target"
