#!/usr/bin/env bash
# Trains a model further on new data and promotes what is better: docs/RETRAIN.md.
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"
# shellcheck source-path=SCRIPTDIR source=promotion.sh
. "$(dirname "$0")/promotion.sh"

usage() {
  cat <<'END_OF_USAGE'
usage: retrain.sh [option…] FOLDER
       retrain.sh --init --model FILE --holdout FILE FOLDER [DATASET…]
       retrain.sh --rollback FOLDER

Takes the datasets from FOLDER/incoming, refuses bad ones into rejected/, trains a copy of models/current on the others and
a share of the old ones, and lets models/current point to the copy when nn-gate finds it better on the data in holdout/.
Silent when all went well; else one line on standard error, and more in logs/. --init sets FOLDER up for a model, which has
learned the DATASETs; --rollback lets current and previous change places.

Options, which FOLDER/settings may hold too, one a line, without dashes:

  --train OPTIONS     for nn-train, as one word (default: --rate 0.05)
  --epochs N          how often every example is seen (default: 5)
  --replay SHARE      the share of what was learned before to learn again (default: 0.2)
  --time-limit S      seconds that the training may take (default: 3600)
  --check OPTIONS     for nn-check, as one word
  --gate OPTIONS      for nn-gate, as one word
  --tries N           runs that learn the same data while no challenger is promoted (default: 3)
  --keep N            models that are kept, besides current and previous (default: 5)

Exit: 0 done, 75 another run is at work (silent), 65 new data was refused, 64 usage, 66 something is missing, else
the status of the tool that failed.
END_OF_USAGE
}

wrong_usage() { die 64 "$1 (see retrain.sh --help)"; }

# ---------------------------------------------------------------------------------------------------- Settings

train='--rate 0.05' epochs=5 replay=0.2 limit=3600 check='' gate='' tries=3 keep=5

# set_option NAME VALUE WHERE: WHERE heads the message about a value that is none.
set_option() {
  local count='^[1-9][0-9]{0,8}$' share='^(0|1|0?\.[0-9]+|1\.0*)$'
  case $1 in
    train) train=$2 ;;
    check) check=$2 ;;
    gate) gate=$2 ;;
    epochs) [[ $2 =~ $count ]] || wrong_usage "$3: found '$2', expected a whole number above 0" && epochs=$2 ;;
    tries) [[ $2 =~ $count ]] || wrong_usage "$3: found '$2', expected a whole number above 0" && tries=$2 ;;
    keep) [[ $2 =~ $count ]] || wrong_usage "$3: found '$2', expected a whole number above 0" && keep=$2 ;;
    time-limit) [[ $2 =~ $count ]] || wrong_usage "$3: found '$2', expected whole seconds above 0" && limit=$2 ;;
    replay) [[ $2 =~ $share ]] || wrong_usage "$3: found '$2', expected a number from 0 to 1" && replay=$2 ;;
    *) wrong_usage "$3: unknown option" ;;
  esac
}

# read_settings FILE: a line is an option's name and its value; # begins a comment.
read_settings() {
  local name value number=0
  while read -r name value || [ -n "$name" ]; do
    number=$((number + 1))
    case $name in '' | '#'*) continue ;; esac
    read -r value <<<"${value%%#*}"
    set_option "$name" "$value" "settings: line $number: $name"
  done <"$1"
}

action=run folder='' model='' frozen='' given=() datasets=()
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage && exit ;;
    --init) action=init && shift && continue ;;
    --rollback) action=rollback && shift && continue ;;
    -?*) [ $# -gt 1 ] || wrong_usage "$1: a value is missing" ;;
    *)
      if [ -z "$folder" ]; then folder=$1; else datasets+=("$1"); fi
      shift && continue
      ;;
  esac
  case $1 in
    --model) model=$2 ;;
    --holdout) frozen=$2 ;;
    --*) given+=("${1#--}" "$2") ;;
    *) wrong_usage "$1: unknown option" ;;
  esac
  shift 2
done
[ -n "$folder" ] || wrong_usage 'no folder'
if [ "$action" = init ]; then
  if [ -z "$model" ] || [ -z "$frozen" ]; then wrong_usage '--init needs --model and --holdout'; fi
  mkdir -p -- "$folder" || exit 73
elif [ -n "$model$frozen" ] || [ ${#datasets[@]} -gt 0 ]; then
  wrong_usage '--model, --holdout and datasets go with --init'
fi
[ "$action" = rollback ] || need_tools
command -v flock >/dev/null || die 66 'there is no flock: it comes with util-linux'
# An absolute path, so that no name in it begins with a dash.
found=$(cd -- "$folder" 2>/dev/null && pwd) || die 66 "$folder: no such folder"
folder=$found
incoming=$folder/incoming rejected=$folder/rejected archive=$folder/archive
models=$folder/models holdout=$folder/holdout claimed=$folder/work/claimed
if [ "$action" = init ]; then
  mkdir -p "$incoming" "$rejected" "$archive" "$models" "$holdout" "$claimed" "$folder/logs" || exit 73
fi
for name in incoming rejected archive models holdout logs work/claimed; do
  [ -d "$folder/$name" ] || die 66 "$folder/$name: no such folder (retrain.sh --init makes it)"
done
if [ -e "$folder/settings" ]; then read_settings "$folder/settings"; fi
for ((place = 0; place < ${#given[@]}; place += 2)); do
  set_option "${given[place]}" "${given[place + 1]}" "--${given[place]}"
done
# A rename takes a file whole only within one file system.
[ "$(stat -c %d "$incoming" "$rejected" "$archive" "$models" "$claimed" | sort -u | wc -l)" -eq 1 ] ||
  die 64 "$folder: its folders are on several file systems, expected one"

# ---------------------------------------------------------------------------------------------------- One run at a time

# The kernel frees the lock when the last process that has the descriptor ends, so programs that run long do without it.
exec 9>>"$folder/lock"
if ! flock -n 9; then
  [ "$action" = run ] || say "$folder: a run is at work"
  exit 75
fi

log=$folder/logs/$(date -u +%Y%m%dT%H%M%SZ)-$$.log
exec 3>&2 >>"$log" 2>&1
said=
rm -rf -- "$folder"/work/nn-tools.* "$models"/*.partial "$models"/*.all "$archive"/*.all "$archive"/*.partial \
  "$rejected"/*.partial
make_folder "$folder/work"
trap 'conclude $?' EXIT

# fail STATUS MESSAGE: ends the run; MESSAGE is its one line on standard error.
fail() {
  say "$2"
  printf '%s: %s (%s)\n' "$script" "$2" "${log#"$folder/"}" >&3
  said=yes
  exit "$1"
}

# conclude STATUS: has the last word when a command failed, for whatever reason.
conclude() {
  if [ "$1" -ne 0 ] && [ -z "$said" ]; then
    printf '%s: failed with status %s: %s (%s)\n' "$script" "$1" "$(tail -n 1 "$log")" "${log#"$folder/"}" >&3
  fi
  end_everything "$1"
}

# tool NAME ARGUMENT…: runs a program, without the lock.
tool() { "$bin/$1" "${@:2}" 9>&- 3>&-; }

# quoted NAME: on one line, whatever it holds.
quoted() { printf '%q' "$1"; }

# ---------------------------------------------------------------------------------------------------- What is known

# archived STATE: the names of the archive's datasets that are fresh (never learned), waiting (fresh, or learned by
# challengers that were not promoted, fewer than $tries) or learned (by one that was, or by so many in vain).
archived() {
  local file table=$archive/learned.tsv
  [ -e "$table" ] || table=/dev/null
  for file in "$archive"/*; do
    if [[ ${file##*/} =~ ^[0-9a-f]{32}\.safetensors(\.gz)?$ ]]; then printf '%s\n' "${file##*/}"; fi
  done | awk -F '\t' -v state="$1" -v tries="$tries" '
    FNR == NR && FILENAME != "-" {
      if ($5 == "kept") kept[$2]++
      if ($5 == "promoted" || $5 == "start") learned[$2] = 1
      next
    }
    {
      data = substr($0, 1, 32)
      is_old = data in learned || kept[data] >= tries
      if (state == "learned" ? is_old : !is_old && (state == "waiting" || !kept[data])) print
    }' "$table" -
}

# list STATE: makes $listed the paths of those datasets.
listed=()
list() {
  local names
  names=$(archived "$1")
  listed=()
  if [ -n "$names" ]; then mapfile -t listed <<<"$names"; fi
  listed=(${listed[@]+"${listed[@]/#/$archive/}"})
}

# is_known DATA: whether such content was learned or is about to be. What was only accepted may not have come so far.
is_known() {
  if [ -e "$archive/$1.safetensors.gz" ] || [ -e "$archive/$1.safetensors" ]; then return 0; fi
  [ -e "$archive/learned.tsv" ] &&
    awk -F '\t' -v data="$1" '$2 == data && $5 != "accepted" { found = 1 } END { exit !found }' "$archive/learned.tsv"
}

# accepted COLUMN FILE…: rows (3) or name (4) of archived datasets, as they were accepted.
accepted() {
  local column=$1 file
  shift
  for file; do
    file=${file##*/}
    awk -F '\t' -v data="${file%%.*}" -v column="$column" '
      $2 == data && $5 == "accepted" { text = $column } END { print text }' "$archive/learned.tsv"
  done
}

# note_datasets OUTCOME MODEL REASON FILE…: the lines of learned.tsv about datasets in the archive.
note_datasets() {
  local file data
  for file in "${@:4}"; do
    data=${file##*/}
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$(utc)" "${data%%.*}" "$(accepted 3 "$file")" "$(accepted 4 "$file")" "${@:1:3}"
  done
}

# found CHECK: what nn-check's table in $tmp says about it.
found() { awk -F '\t' -v check="$1" '$1 == check { print $3 }' "$tmp/check.tsv"; }

# ---------------------------------------------------------------------------------------------------- New data

# claim: moves what is complete in incoming/ out of reach of whoever delivers. Names without the endings of datasets and
# those that begin with a dot are of files still being written.
claim() {
  local file name
  for file in "$incoming"/*; do
    name=${file##*/}
    [ "$name" != '*' ] || [ -e "$file" ] || continue
    case $name in
      *.safetensors | *.safetensors.gz) ;;
      *) say "incoming/$(quoted "$name"): left alone, as it does not end in .safetensors or .safetensors.gz" && continue ;;
    esac
    if [ -L "$file" ] || [ ! -f "$file" ]; then
      say "incoming/$(quoted "$name"): left alone, as it is no regular file" && continue
    fi
    if [ ! -e "$claimed/$name" ]; then mv -nT -- "$file" "$claimed/$name"; fi
  done
}

# reject FILE REASON: moves it to rejected/, beside its reason, under a name that is free there.
reject() {
  local name=${1##*/} target number=1
  # Room for what is added to it.
  if [ ${#name} -gt 200 ]; then name=$(printf %s "$name" | sha256sum | cut -c 1-32).safetensors; fi
  target=$rejected/$name
  while [ -e "$target" ] || [ -L "$target" ]; do
    number=$((number + 1))
    target=$rejected/$number.$name
  done
  { printf '%s\n' "$2" && cat "$tmp/check.tsv"; } >"$target.reason.partial"
  commit "$target.reason"
  mv -nT -- "$1" "$target"
  say "rejected/$(quoted "${target##*/}"): $2"
}

# check_dataset FILE OPTION…: runs nn-check, with its table in $tmp/check.tsv and its message in $tmp/check.txt.
check_dataset() {
  local status=0 words
  read -r -a words <<<"$check"
  : >"$tmp/check.tsv"
  tool nn-check -m "$models/current" "$@" ${words[@]+"${words[@]}"} >"$tmp/check.tsv" 2>"$tmp/check.txt" || status=$?
  cat "$tmp/check.tsv" "$tmp/check.txt"
  return "$status"
}

# keep_dataset FILE NAME CONTENT: gives an accepted dataset its place in the archive.
keep_dataset() {
  local ending=.safetensors.gz
  case $2 in *.safetensors) ending=.safetensors ;; esac
  sync "$1"
  add_lines "$archive/learned.tsv" "$learned_header" \
    "$(printf '%s\t%s\t%s\t%s\taccepted\t-\t-' "$(utc)" "$3" "$(found rows)" "$(quoted "${2##*/}")")"
  mv -fT -- "$1" "$archive/$3$ending"
  sync "$archive"
  say "$(quoted "${2##*/}") is archive/$3$ending"
}

# judge FILE: moves a claimed file to where it belongs.
judge() {
  local name=${1##*/} status=0 beside=() file
  list learned
  [ ${#listed[@]} -gt 0 ] || list waiting
  for file in ${listed[@]+"${listed[@]}"}; do beside+=(--learned "$file"); done
  say "checking $(quoted "$name")"
  check_dataset "$1" ${beside[@]+"${beside[@]}"} --holdout "$frozen" || status=$?
  if [ "$status" -eq 65 ] || [ "$status" -eq 66 ]; then
    # Is it this file's fault, or that of one beside it?
    status=0
    check_dataset "$1" || status=$?
    case $status in
      65 | 66) status=1 ;;
      *) fail 65 'the archive or the holdout cannot be read' ;;
    esac
  fi
  [ "$status" -le 1 ] || fail "$status" "$(cat "$tmp/check.txt")"
  if [ -n "$(found content)" ] && is_known "$(found content)"; then
    # What came before is no fault, and nothing to learn.
    reject "$1" "known: its content is that of archive/$(found content)"
  elif [ "$status" -eq 0 ]; then
    keep_dataset "$1" "$name" "$(found content)"
  else
    refused=$((refused + 1))
    reason=$(cat "$tmp/check.txt")
    reason=${reason//"$claimed/"/}
    reject "$1" "$reason"
  fi
}

judge_claimed() {
  local file
  for file in "$claimed"/*; do
    if [ -f "$file" ]; then
      taken=$((taken + 1))
      judge "$file"
    fi
  done
}

# ---------------------------------------------------------------------------------------------------- Challenger

# in_group COMMAND…: as run_as_group, but without the lock, which a process left behind by a killed run must not hold.
in_group() {
  local status=0
  set -m
  (
    exec 9>&- 3>&-
    exec "$@"
  ) &
  set +m
  wait $! || status=$?
  return "$status"
}

# replay_old: makes $old what is learned again of the learned datasets.
replay_old() {
  local rows drawn
  list learned
  old=(${listed[@]+"${listed[@]}"})
  rows=$(accepted 3 ${old[@]+"${old[@]}"} | awk '{ sum += $1 } END { print sum + 0 }')
  drawn=$(awk -v rows="$rows" -v share="$replay" 'BEGIN { print int(rows * share + 0.5) }')
  say "replaying $drawn of $rows old examples"
  if [ "$drawn" -eq 0 ]; then
    old=()
  elif [ "$drawn" -lt "$rows" ]; then
    # Which ones depends on the new data, so that every night draws others and a night that is run again the same.
    tool nn-split "${old[@]}" --fraction "$replay" --seed "$(printf '%s\n' "${new[@]##*/}" | cksum | cut -d ' ' -f 1)" \
      -o "$tmp/old.safetensors" --rest /dev/null
    old=("$tmp/old.safetensors")
  fi
}

# copy_current: makes $tmp/start.safetensors, the current model at the start of epochs of its own, as those that it has
# finished, or left unfinished, were of other data.
copy_current() {
  local dtype
  tool nn-inspect --topology "$models/current" >"$tmp/net"
  tool nn-inspect "$models/current" >"$tmp/tensors"
  dtype=$(awk '/^tensor +type/ { below = 1; next } below { print tolower($2); exit }' "$tmp/tensors")
  tool nn-init "$tmp/net" --weights "$models/current" --dtype "$dtype" -o "$tmp/start.safetensors"
}

# keep_champion REASON: notes that $new was learned in vain.
keep_champion() {
  say "keeping $current: $1"
  add_lines "$archive/learned.tsv" "$learned_header" "$(note_datasets kept "$current" "$1" "${new[@]}")"
}

# measure MODEL PREDICTIONS
measure() { tool nn-forward -m "$1" "$frozen" -o "$2"; }

# retrain: trains a copy of the current model on $new and part of the old, and promotes it if it is better.
retrain() {
  local status=0 words next verdict
  replay_old
  copy_current
  measure "$models/current" "$tmp/champion.safetensors"
  read -r -a words <<<"$train"
  in_group "$bin/nn-train" "${new[@]}" ${old[@]+"${old[@]}"} -m "$tmp/start.safetensors" --epochs "$epochs" \
    ${words[@]+"${words[@]}"} --time-limit "$limit" -o "$tmp/challenger.safetensors.gz" || status=$?
  if [ "$status" -eq 0 ]; then
    measure "$tmp/challenger.safetensors.gz" "$tmp/challenger.safetensors" || status=$?
  fi
  if [ "$status" -eq 80 ]; then
    # Learned again, it would diverge again.
    verdict="diverged: $(tail -n 1 "$log")"
    keep_champion "$verdict"
    fail 80 "$verdict"
  fi
  [ "$status" -eq 0 ] || return "$status"
  read -r -a words <<<"$gate"
  tool nn-gate "$tmp/champion.safetensors" "$tmp/challenger.safetensors" ${words[@]+"${words[@]}"} \
    -o "$tmp/verdict.tsv" || status=$?
  [ "$status" -le 1 ] || return "$status"
  cat "$tmp/verdict.tsv"
  verdict=$(cut -f 12 "$tmp/verdict.tsv")
  next=$(content_name "$tmp/challenger.safetensors.gz" challenger)
  if [ "$status" -eq 1 ] || [ "$next" = "$current" ]; then
    keep_champion "$verdict"
  else
    install_model "$tmp/challenger.safetensors.gz" "$next"
    intend "$current" "$next" "$(cut -f 2-11 "$tmp/verdict.tsv")" "$verdict" \
      "$(note_datasets promoted "$next" "$verdict" "${new[@]}")"
    settle
    prune "$keep"
  fi
}

# ---------------------------------------------------------------------------------------------------- Set-up and way back

initialize() {
  local name file copy status learned=''
  [ ! -e "$models/current" ] || fail 64 "$folder has a model already"
  for file in "$model" "$frozen" ${datasets[@]+"${datasets[@]}"}; do
    [ -r "$file" ] || fail 66 "$file: no such file that can be read"
  done
  name=$(content_name "$model" "$model")
  install_model "$model" "$name"
  copy=$holdout/holdout.safetensors.gz
  case $frozen in *.safetensors) copy=${copy%.gz} ;; esac
  cp -- "$frozen" "$copy.partial"
  commit "$copy"
  (cd "$holdout" && sha256sum -- "${copy##*/}" >SHA256SUMS.partial)
  commit "$holdout/SHA256SUMS"
  frozen=$copy
  measure "$models/$name" "$tmp/champion.safetensors"
  for file in ${datasets[@]+"${datasets[@]}"}; do
    cp -- "$file" "$tmp/dataset"
    status=0
    tool nn-check -m "$models/$name" "$tmp/dataset" --holdout "$frozen" --balance 1 >"$tmp/check.tsv" || status=$?
    cat "$tmp/check.tsv"
    [ "$status" -eq 0 ] || fail "$((status == 1 ? 65 : status))" "$(quoted "$file"): $(tail -n 1 "$log")"
    keep_dataset "$tmp/dataset" "$file" "$(found content)"
  done
  list waiting
  if [ ${#listed[@]} -gt 0 ]; then learned=$(note_datasets start "$name" start "${listed[@]}"); fi
  if [ ! -e "$folder/settings" ]; then
    usage | sed -n 's/^  --\(.*\)/# \1/p' >"$folder/settings.partial"
    commit "$folder/settings"
  fi
  intend '' "$name" "$no_figures" start "$learned"
  settle
}

roll_back() {
  local previous
  previous=$(linked previous)
  if [ -z "$previous" ] || [ ! -e "$models/$previous" ]; then
    fail 66 'models/previous: there is no model to go back to'
  fi
  intend "$current" "$previous" "$no_figures" rollback ''
  settle
}

# ---------------------------------------------------------------------------------------------------- A run

if [ "$action" = init ]; then
  initialize
  exit
fi
settle
current=$(linked current)
if [ -z "$current" ] || [ ! -e "$models/$current" ]; then
  fail 66 'models/current: there is no model (retrain.sh --init)'
fi
if [ "$action" = rollback ]; then
  roll_back
  exit
fi
prune "$keep"
[ -e "$holdout/SHA256SUMS" ] || fail 66 "holdout/SHA256SUMS: no such file (retrain.sh --init)"
(cd "$holdout" && sha256sum --check --strict --quiet SHA256SUMS) || fail 65 "holdout: it is not what it was, so models do not compare"
frozen=$holdout/$(sed -n '1s/^[^ ]*  //p' "$holdout/SHA256SUMS")

taken=0 refused=0 reason=''
judge_claimed # what a run before had no time for
claim
judge_claimed
new=()
if [ -n "$(archived fresh)" ]; then
  list waiting
  new=("${listed[@]}")
  retrain
fi
logs=("$folder"/logs/*.log)
for ((place = 0; place < ${#logs[@]} - 100; place++)); do rm -f -- "${logs[place]}"; done
say 'done'
[ "$refused" -eq 0 ] || fail 65 "$refused of $taken new files refused, see rejected/; the last: $reason"
