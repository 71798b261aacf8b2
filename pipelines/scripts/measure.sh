#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

if [ $# -ne 6 ] && [ $# -ne 7 ]; then
  [ "${1-}" = --help ] || exec >&2
  cat <<'END'
usage: measure.sh MODEL EPOCH SECONDS TRAIN TEST TABLE [VALIDATION]

Measures MODEL, which has been trained for EPOCH epochs, the last of them in SECONDS, on the datasets TRAIN (- for not),
TEST and VALIDATION. Writes a row for each to TABLE, under a header line, and prints them as a line for people.
END
  [ "${1-}" = --help ] && exit 0 || exit 64
fi
model=$1 epoch=$2 seconds=$3 train=$4 test=$5 table=$6 validation=${7-}
need_tools
make_folder "${TMPDIR:-/tmp}"

# row SPLIT DATASET [SECONDS]: adds a row; without SECONDS with the time that the predictions took.
row() {
  local start
  start=$(now)
  "$bin/nn-forward" -m "$model" "$2" -o "$tmp/predictions.safetensors"
  "$bin/nn-eval" "$tmp/predictions.safetensors" --append "$tmp/table.tsv" \
    --set epoch="$epoch" --set split="$1" --set seconds="${3:-$(seconds_since "$start")}"
}

[ "$train" = - ] || row train "$train" "$seconds"
[ -z "$validation" ] || row validation "$validation"
row test "$test"
awk -F '\t' -v seconds="$seconds" '
  NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
  {
    if (NR == 2) printf "epoch %3d in %.2f s", $at["epoch"], seconds
    printf "   %s: loss %.4f, accuracy %.4f", $at["split"], $at["loss"], $at["accuracy"]
  }
  END { printf "\n" }' "$tmp/table.tsv"
cp "$tmp/table.tsv" "$table.partial"
mv "$table.partial" "$table"
