#!/usr/bin/env bash
# usage: retrain.sh [option…] FOLDER
#        retrain.sh --init --model FILE --holdout FILE FOLDER [DATASET…]
#        retrain.sh --rollback FOLDER
#
# Trains a copy of FOLDER/models/current on the datasets in incoming/ and a share of the old ones,
# and lets current point to the copy when nn-gate finds it better on the data in holdout/. Bad
# datasets go to rejected/. Silent when all went well: docs/RETRAIN.md. The options, which
# FOLDER/settings may hold too, one a line, without dashes, are:

# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"
usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
  "$bin/nn-registry" settings | sed 's/^# /  --/'
}
wrong_usage() { die 64 "$1 (see retrain.sh --help)"; }

action=run model='' holdout='' given=() words=()
while [ $# -gt 0 ]; do
  case $1 in
    --help) need_tools && usage && exit ;;
    --init | --rollback) action=${1#--} && shift && continue ;;
    -?*) [ $# -gt 1 ] || wrong_usage "$1: a value is missing" ;;
    *) words+=("$1") && shift && continue ;;
  esac
  case $1 in
    --model) model=$2 ;;
    --holdout) holdout=$2 ;;
    *) given+=("$1=$2") ;;
  esac
  shift 2
done
datasets=("${words[@]:1}")
[ ${#words[@]} -gt 0 ] || wrong_usage 'no folder'
if [ "$action" = init ]; then
  if [ -z "$model" ] || [ -z "$holdout" ]; then wrong_usage '--init needs --model and --holdout'; fi
  mkdir -p -- "${words[0]}"/{logs,work} || exit 73
elif [ -n "$model$holdout${datasets[*]}" ]; then
  wrong_usage '--model, --holdout and datasets go with --init'
fi
need_tools
folder=$(cd -- "${words[0]}" 2>/dev/null && pwd) || die 66 "${words[0]}: no such folder"
models=$folder/models learning=()

# One run at a time: descriptor 8 has the lock until it is closed, so what runs long goes without.
exec 8>>"$folder/lock" || exit 73
status=0
settings=$("$bin/nn-registry" lock "$folder" --lock 8 -- "${given[@]}" 2>&1) || status=$?
if [ "$status" -eq 75 ] && [ "$action" = run ]; then exit 75; fi
[ "$status" -eq 0 ] || die "$status" "${settings#nn-registry: }"
train=() epochs='' replay='' time_limit='' check=() gate=() tries='' keep=''
eval "$settings" # assignments to these

log=$folder/logs/$(date -u +%Y%m%dT%H%M%SZ)-$$.log
exec 7>&2 >>"$log" 2>&1
rm -rf -- "$folder"/work/nn-tools.*
make_folder "$folder/work"
: >"$tmp/judged"
trap 'conclude $? "failed with status $?: $(tail -n 1 "$log")"' EXIT
registry() { "$bin/nn-registry" "$1" "$folder" --lock 8 "${@:2}"; }
tool() { "$bin/$1" "${@:2}" 7>&- 8>&-; }

# conclude STATUS MESSAGE: ends the run; where it failed, MESSAGE is its line on standard error.
conclude() {
  local message=${2##*nn-registry: } diverged=("${learning[@]}")
  learning=()
  if [ "$1" -eq 80 ] && [ ${#diverged[@]} -gt 0 ]; then # learned again, it would diverge again
    message="diverged: ${2#failed with status 80: }"
    registry keep --reason "$message" -- "${diverged[@]}"
  fi
  trap - EXIT
  if [ "$1" -ne 0 ]; then say "$message (${log#"$folder/"})" 2>&7; fi
  end_everything "$1"
}

# list STATE: makes $listed the archive's datasets of that state; $tmp/data has their rows too.
list() {
  registry data "$1" --tries "$tries" >"$tmp/data"
  mapfile -t listed < <(cut -f 1 "$tmp/data")
  listed=("${listed[@]/#/$folder/}")
}

# check FILE OPTION…: makes $tmp/found and $tmp/said what nn-check finds and says.
check() { tool nn-check -m "$models/current" "$@" "${check[@]}" >"$tmp/found" 2>"$tmp/said"; }

# judge_claimed: checks every claimed file, and moves it to archive/ or rejected/.
judge_claimed() {
  local file status
  for file in "$folder"/work/claimed/*; do
    [ -f "$file" ] || continue
    list beside
    status=0
    check "$file" || status=$?
    case $status in
      0 | 1)
        status=0
        check "$file" "${listed[@]/#/--learned=}" --holdout "$holdout" || status=$?
        ;;
      65 | 66) status=1 ;; # what cannot be read alone is this file's fault, and no other's
    esac
    [ "$status" -le 1 ] || conclude "$status" "$(cat "$tmp/said")"
    registry judge --findings "$tmp/found" --message "$tmp/said" -- "${file##*/}" |
      tee -a "$tmp/judged"
  done
}

# draw_old: makes $listed a share of the learned data. Which rows these are depends on the new data,
# so that every night draws others, and a night that is run again the same.
draw_old() {
  local rows drawn
  list learned
  rows=$(awk -F '\t' '{ rows += $2 } END { print rows + 0 }' "$tmp/data")
  drawn=$(awk -v rows="$rows" -v share="$replay" 'BEGIN { print int(rows * share + 0.5) }')
  say "replaying $drawn of $rows old examples"
  if [ "$drawn" -eq 0 ]; then listed=(); fi
  if [ "$drawn" -eq 0 ] || [ "$drawn" -eq "$rows" ]; then return; fi
  tool nn-split "${listed[@]}" --fraction "$replay" -o "$tmp/old.safetensors" --rest /dev/null \
    --seed "$(printf '%s\n' "${new[@]##*/}" | cksum | cut -d ' ' -f 1)"
  listed=("$tmp/old.safetensors")
}

# retrain: trains a copy of the current model, from epoch 0, on $new and some of the old data.
retrain() {
  local status=0 dtype old=$tmp/champion.safetensors next=$tmp/challenger.safetensors
  draw_old
  tool nn-inspect --topology "$models/current" >"$tmp/net"
  tool nn-inspect "$models/current" >"$tmp/tensors"
  dtype=$(awk '/^tensor +type/ { here = 1; next } here { print tolower($2); exit }' "$tmp/tensors")
  tool nn-init "$tmp/net" --weights "$models/current" --dtype "$dtype" -o "$tmp/start.safetensors"
  tool nn-forward -m "$models/current" "$holdout" -o "$old"
  learning=("${new[@]}")
  run_as_group "$bin/nn-train" "${new[@]}" "${listed[@]}" -m "$tmp/start.safetensors" \
    --epochs "$epochs" "${train[@]}" --time-limit "$time_limit" -o "$next.gz"
  tool nn-forward -m "$next.gz" "$holdout" -o "$next"
  tool nn-gate "$old" "$next" "${gate[@]}" -o "$tmp/verdict.tsv" || status=$?
  case $status in
    0) registry promote --verdict "$tmp/verdict.tsv" -- "$next.gz" "${new[@]}" ;;
    1) registry keep --verdict "$tmp/verdict.tsv" -- "${new[@]}" ;;
    *) return "$status" ;;
  esac
  cat "$tmp/verdict.tsv"
}

# set_up: makes the folder for $model, with what it has learned.
set_up() {
  local file number=0 status=0 learned=()
  tool nn-forward -m "$model" "$holdout" -o /dev/null
  for file in "${datasets[@]}"; do
    number=$((number + 1))
    tool nn-check -m "$model" "$file" --holdout "$holdout" --balance 1 >"$tmp/$number" || status=$?
    [ "$status" -eq 0 ] || conclude $((status == 1 ? 65 : status)) "$file: $(tail -n 1 "$log")"
    learned+=("--learned=$file" --findings "$tmp/$number")
  done
  registry init --model "$model" --holdout "$holdout" "${learned[@]}"
}

case $action in
  init) set_up; exit ;;
  rollback) registry rollback; exit ;;
esac
registry recover
holdout=$folder/$(registry holdout)
judge_claimed # what a run before had no time for
registry claim
judge_claimed
list fresh
if [ ${#listed[@]} -gt 0 ]; then
  list waiting
  new=("${listed[@]}")
  retrain
fi
registry prune --keep "$keep"
say 'done'
refused=$(awk -F '\t' '$1 == "refused" { count++; last = $3 } END { if (count)
  print count " of " NR " new files refused, see rejected/; the last: " last }' "$tmp/judged")
[ -z "$refused" ] || conclude 65 "$refused"
