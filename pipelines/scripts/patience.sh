#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

usage() {
  cat <<'END'
usage: patience.sh --patience N TABLE…

Whether training shall go on, from the metrics of its epochs: TSV with a header line and the columns epoch and split, as
measure.sh writes them. Of the rows with split=validation the one with the lowest loss is the best, the first of several.
Prints its epoch.
Exit: 0 go on, 1 stop: N epochs or more have passed since the best, 64 usage, 65 no such rows, or none that can be read,
66 file missing.
END
}

patience='' tables=()
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage && exit ;;
    --patience) [ $# -gt 1 ] || die 64 '--patience: a value is missing' && patience=$2 && shift 2 ;;
    -?*) die 64 "unknown option $1 (see patience.sh --help)" ;;
    *) tables+=("$1") && shift ;;
  esac
done
[[ $patience =~ ^[1-9][0-9]*$ ]] || die 64 "--patience: found '$patience', expected a whole number above 0"
[ ${#tables[@]} -gt 0 ] || die 64 'no table (see patience.sh --help)'
for table in "${tables[@]}"; do
  [ -r "$table" ] || die 66 "$table: no such file that can be read"
done

status=0
answer=$(awk -F '\t' -v patience="$patience" '
  function refuse(message) { print FILENAME ": line " FNR ": " message; refused = 1; exit 65 }
  FNR == 1 {
    split("", at)
    for (i = 1; i <= NF; i++) at[$i] = i
    if (!("epoch" in at && "split" in at && "loss" in at)) refuse("expected the columns epoch, split, loss")
    next
  }
  $at["split"] == "validation" {
    epoch = $at["epoch"]; loss = $at["loss"]
    if (epoch !~ /^[0-9]+$/) refuse("found epoch \047" epoch "\047, expected a whole number")
    if (loss !~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/) refuse("found loss \047" loss "\047, expected a number")
    if (best == "" || loss + 0 < lowest) { best = epoch + 0; lowest = loss + 0 }
    if (epoch + 0 > last) last = epoch + 0
  }
  END {
    if (refused) exit 65
    if (best == "") { print FILENAME ": no rows with split=validation"; exit 65 }
    print best
    exit last - best >= patience
  }' "${tables[@]}") || status=$?
[ "$status" -le 1 ] || die "$status" "$answer"
echo "$answer"
exit "$status"
