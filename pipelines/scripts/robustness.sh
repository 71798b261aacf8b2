#!/usr/bin/env bash
# Measures how networks stand distortions that grow: the same test pictures, moved, turned, stretched, torn.
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

usage() {
  cat <<'END'
usage: robustness.sh [-o TABLE] [-j N] TEST NAME=MODEL…

Writes a table, a line for each distortion and strength, with the accuracy of every MODEL on the pictures of TEST
distorted so. Where a distortion has two directions, it is the mean over both. A line of means over all distortions ends it. Flat
pictures have the shape that the first MODEL's topology states.

  -o FILE   write the table, tab-separated, to FILE, and show it; without, write it to standard output
  -j N      threads

The strengths, separated by spaces, are taken from the environment; an empty list leaves a distortion out:
  SHIFT     pixels, along both axes (1 2 3)
  ROTATE    degrees, to the left and to the right (10 20 30 45)
  SCALE     factor, larger and smaller (1.2 1.5)
  STRETCH   factor of the proportions, wider and narrower (1.25 1.5 2)
  SHEAR     degrees, to the left and to the right (10 20 30)
  ELASTIC   strength (10 20 40)
  NOISE     standard deviation, as a part of the difference of the largest and the least number in TEST (0.1 0.2 0.3)
  ERASE     part of the area (0.1 0.2 0.4)
  SEED      of the random numbers (1)
NN_BIN names the folder of the tools. Exit: 0 done, else the status of the stage that failed.
END
}

wrong_usage() { die 64 "$1 (see robustness.sh --help)"; }

table='' test='' threads=() names=() models=()
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage && exit ;;
    -o | -j)
      [ $# -gt 1 ] || wrong_usage "$1: a value is missing"
      if [ "$1" = -o ]; then table=$2; else threads=(-j "$2"); fi
      shift 2 && continue
      ;;
    -*) wrong_usage "unknown option $1" ;;
  esac
  if [ -z "$test" ]; then
    test=$1
  else
    case $1 in
      ?*=?*) names+=("${1%%=*}") models+=("${1#*=}") ;;
      *) wrong_usage "found '$1', expected NAME=MODEL" ;;
    esac
  fi
  shift
done
[ -n "$test" ] || wrong_usage 'no test data'
[ ${#models[@]} -gt 0 ] || wrong_usage 'no model: NAME=MODEL'
need_tools
make_folder "${TMPDIR:-/tmp}"
set +u # before bash 4.4 an empty array counts as unset

"$bin/nn-batch" "$test" --no-shuffle --size all --limit 1 --seed "${SEED:-1}" -o "$tmp/batch.safetensors"
range=$("$bin/nn-inspect" "$test" | awk '$1 == "input" { sub(/.*\] */, ""); print $2 - $1 }')

flat=$("$bin/nn-inspect" --topology "${models[0]}" | awk '$1 == "input" && $2 ~ /x/ { print "--shape", $2 }')
read -r -a shape <<<"$flat"

# accuracies BATCH: the accuracy of every model, separated by tabs.
accuracies() {
  local model line=''
  for model in "${models[@]}"; do
    line+=$'\t'$("$bin/nn-forward" -m "$model" "${threads[@]}" "$1" | "$bin/nn-eval" |
      awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "accuracy") column = i }
        NR == 2 { print $column }')
  done
  printf '%s\n' "${line#?}"
}

# measure NAME STRENGTH VALUE…: a line, the mean over the values, each an option of nn-augment as one word.
measure() {
  local option
  for option in "${@:3}"; do
    # shellcheck disable=SC2086 # an option and its value
    "$bin/nn-augment" $option "${shape[@]}" "${threads[@]}" "$tmp/batch.safetensors" -o "$tmp/distorted.safetensors"
    accuracies "$tmp/distorted.safetensors"
  done | awk -F '\t' -v OFS='\t' -v head="$1"$'\t'"$2" '
    { for (i = 1; i <= NF; i++) sum[i] += $i; columns = NF }
    END { line = head; for (i = 1; i <= columns; i++) line = line OFS sprintf("%.4f", sum[i] / NR); print line }'
}

# inverse NUMBER
inverse() { awk -v x="$1" 'BEGIN { printf "%.17g\n", 1 / x }'; }

rows() {
  local x y
  printf 'distortion\tstrength'
  printf '\t%s' "${names[@]}"
  printf '\nnone\t0\t%s\n' "$(accuracies "$tmp/batch.safetensors" |
    awk -F '\t' -v OFS='\t' '{ for (i = 1; i <= NF; i++) $i = sprintf("%.4f", $i); print }')"
  for x in ${SHIFT-1 2 3}; do measure shift "$x" "--shift $x..$x" "--shift -$x..-$x"; done
  for x in ${ROTATE-10 20 30 45}; do measure rotate "$x" "--rotate $x..$x" "--rotate -$x..-$x"; done
  for x in ${SCALE-1.2 1.5}; do
    y=$(inverse "$x")
    measure scale "$x" "--scale $x..$x" "--scale $y..$y"
  done
  for x in ${STRETCH-1.25 1.5 2}; do
    y=$(inverse "$x")
    measure stretch "$x" "--stretch $x..$x" "--stretch $y..$y"
  done
  for x in ${SHEAR-10 20 30}; do measure shear "$x" "--shear $x..$x" "--shear -$x..-$x"; done
  for x in ${ELASTIC-10 20 40}; do measure elastic "$x" "--elastic $x"; done
  for x in ${NOISE-0.1 0.2 0.3}; do
    measure noise "$x" "--noise $(awk -v x="$x" -v range="$range" 'BEGIN { printf "%.17g\n", x * range }')"
  done
  for x in ${ERASE-0.1 0.2 0.4}; do measure erase "$x" "--erase $x"; done
}

rows | awk -F '\t' -v OFS='\t' '
  { print }
  NR > 2 { for (i = 3; i <= NF; i++) sum[i] += $i; columns = NF }
  END {
    line = "mean" OFS "-"
    for (i = 3; i <= columns; i++) line = line OFS sprintf("%.4f", sum[i] / (NR - 2))
    if (NR > 2) print line
  }' >"$tmp/table"
if [ -z "$table" ]; then
  cat "$tmp/table"
else
  cp "$tmp/table" "$table.partial.$$"
  mv "$table.partial.$$" "$table"
  awk -F '\t' '{ printf "%-11s%-9s", $1, $2; for (i = 3; i <= NF; i++) printf " %11s", $i; print "" }' "$table"
fi
