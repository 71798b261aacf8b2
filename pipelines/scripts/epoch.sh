#!/usr/bin/env bash
# Trains one epoch, or several, with the ring of four stages or with nn-train; the resulting model is the same.
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

usage() {
  cat <<'END'
usage: epoch.sh -m MODEL -o NEXT --epoch E --rate R [option…] DATASET…

Trains MODEL on the DATASETs for epoch E and writes it to NEXT, which appears whole or not at all.

  -m FILE             the model to start from
  -o FILE             where the trained model goes
  --epoch E           the epoch, from 1; it decides the order of the examples
  --rate R            the learning rate
  --reduce mean|sum   whether a batch's gradient is divided by its number of examples
  --learn OPTIONS     further options of nn-update, as one word
  --augment OPTIONS   distort the batches: options of nn-augment, as one word; none for an empty one
  --size B|all        examples in a batch
  --seed S            the start of the random numbers
  --no-shuffle        take the examples as they lie
  --shuffle-buffer N  read the DATASETs row by row and shuffle them through a buffer of N rows
  --epochs N          epochs to train, E the first (default: 1)
  --skip K            leave out the first K steps (ring only: nn-train sees in MODEL how far it is)
  --limit K           stop after K steps
  --engine ring       nn-batch [| nn-augment] | nn-forward | nn-backprop | nn-update, the weights flowing back (default)
  --engine fused      nn-train; interrupted by SIGINT or SIGTERM it leaves the model as it is, as partial.NEXT beside NEXT, or
                      as NEXT itself where that is called partial.…
  --resume            go on from what an interrupted call has left, if that is younger than MODEL: from inside an epoch
                      with nn-train only
  --seconds FILE      write there how long it took, this time
  -j N                threads

Other defaults are those of the tools, which are looked for in NN_BIN, else in .build/release.
Exit: 0 done, else the status of the stage that failed.
END
}

wrong_usage() { die 64 "$1 (see epoch.sh --help)"; }

given=("$@")
model='' next='' epoch='' epochs=1 engine=ring seconds='' skip=0 resume=
batching=() updating=() augmenting=() limit=() threads=() datasets=()
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage && exit ;;
    --no-shuffle) batching+=("$1") && shift && continue ;;
    --resume) resume=yes && shift && continue ;;
    -?*) [ $# -gt 1 ] || wrong_usage "$1: a value is missing" ;;
    *) datasets+=("$1") && shift && continue ;;
  esac
  case $1 in
    -m | --model) model=$2 ;;
    -o | --output) next=$2 ;;
    --epoch) epoch=$2 ;;
    --epochs) epochs=$2 ;;
    --size | --seed | --shuffle-buffer) batching+=("$1" "$2") ;;
    --rate | --reduce) updating+=("$1" "$2") ;;
    --learn) read -r -a words <<<"$2" && updating+=(${words[@]+"${words[@]}"}) ;;
    --augment) read -r -a augmenting <<<"$2" ;;
    --skip) skip=$2 ;;
    --limit) limit=("$1" "$2") ;;
    --engine) engine=$2 ;;
    --seconds) seconds=$2 ;;
    -j | --jobs) threads=(-j "$2") ;;
    *) wrong_usage "unknown option $1" ;;
  esac
  shift 2
done
[ -n "$model" ] || wrong_usage 'no model: -m FILE'
[ -n "$next" ] || wrong_usage 'no output: -o FILE'
[[ $epoch =~ ^[1-9][0-9]*$ ]] || wrong_usage "--epoch: found '$epoch', expected a number from 1"
[[ $epochs =~ ^[1-9][0-9]*$ ]] || wrong_usage "--epochs: found '$epochs', expected a number from 1"
case $engine in ring | fused) ;; *) wrong_usage "--engine: found '$engine', expected ring or fused" ;; esac
[ ${#datasets[@]} -gt 0 ] || wrong_usage 'no dataset'
need_tools
make_folder "${TMPDIR:-/tmp}"
set +u # before bash 4.4 an empty array counts as unset

# stage TOOL ARGUMENT…: becomes the tool, with the script's standard error.
stage() {
  exec "$bin/$1" "${@:2}" 2>&3
}

batch() {
  stage nn-batch "${datasets[@]}" --epoch "$epoch" --epochs "$epochs" --skip "$skip" \
    "${limit[@]}" "${batching[@]}"
}
augment() { stage nn-augment "${augmenting[@]}"; }
# Nothing stands between the stages.
forward() { stage nn-forward -m "$model" --follow "$tmp/weights" --trace --ring "${threads[@]}"; }
backprop() { stage nn-backprop --ring "${threads[@]}"; }
update() { stage nn-update -m "$model" "${updating[@]}" --feedback "$tmp/weights" --ring -o "$next"; }

# keep_together: binds what follows to one core where model and datasets are small files, unless several threads were asked for. To
# wake another core for the next stage takes longer then than what that has to do.
keep_together() {
  local file size bytes=0 fields
  [ "${threads[1]-1}" = 1 ] && command -v taskset >/dev/null && [ -r /proc/self/stat ] || return 0
  for file in "$model" "${datasets[@]}"; do
    [ -f "$file" ] && [ -r "$file" ] && size=$(wc -c <"$file") || return 0
    bytes=$((bytes + size))
    [ "$bytes" -le 65536 ] || return 0
  done
  # The core that the script is on.
  read -r -a fields </proc/self/stat
  taskset -cp "${fields[38]}" "$BASHPID" >/dev/null 2>&1 || return 0
}

# The stages, each alive for the whole epoch. Every corrected model goes back to nn-forward through a FIFO.
ring() {
  local names statuses status number verdict=0
  mkfifo "$tmp/weights"
  keep_together
  exec 3>&2 2>/dev/null # bash's own account of a killed pipeline: the one below is shorter
  set +e
  if [ ${#augmenting[@]} -eq 0 ]; then
    names=(nn-batch nn-forward nn-backprop nn-update)
    batch | forward | backprop | update
    statuses=("${PIPESTATUS[@]}")
  else
    names=(nn-batch nn-augment nn-forward nn-backprop nn-update)
    batch | augment | forward | backprop | update
    statuses=("${PIPESTATUS[@]}")
  fi
  exec 2>&3
  # A failure spreads: the stages behind it find a cut stream (65), those before it a closed pipe (141). Any other
  # status is the cause.
  for number in "${!names[@]}"; do
    status=${statuses[number]}
    if [ "$status" -gt 128 ] && [ "$status" -ne 141 ]; then
      say "${names[number]} was ended by signal $((status - 128))"
    fi
    case $verdict in 0 | 65 | 141) [ "$status" -eq 0 ] || verdict=$status ;; esac
  done
  # The stages of a ring see parts of a step and have no place to keep them. The last of several equal options holds; how
  # far the model is nn-train sees by itself.
  if [ "$verdict" -eq 80 ]; then
    say "to keep the batch and the model at fault: $(printf '%q ' "$0" "${given[@]}" --engine fused --skip 0)"
  fi
  return "$verdict"
}

# go_on: makes what an interrupted call has left the model to start from. Fails when that is all that is asked for.
go_on() {
  local partial reached
  case $(basename "$next") in partial.*) partial=$next ;; *) partial=$(dirname "$next")/partial.$(basename "$next") ;; esac
  [ -n "$resume" ] && [ "$partial" -nt "$model" ] || return 0
  reached=$("$bin/nn-inspect" "$partial" | awk '$1 == "nn.epoch:" { print $2 }') || exit
  if [ "$reached" -lt $((epoch + epochs - 1)) ]; then
    if [ "$engine" = fused ]; then model=$partial; fi
  else
    # It was interrupted behind its last step.
    [ "$partial" = "$next" ] || mv "$partial" "$next"
    return 1
  fi
}

fused() {
  [ "$skip" = 0 ] || wrong_usage '--skip: nn-train sees in the model how far it is'
  "$bin/nn-train" "${datasets[@]}" -m "$model" --epochs $((epoch + epochs - 1)) \
    "${limit[@]}" "${batching[@]}" "${updating[@]}" "${augmenting[@]}" "${threads[@]}" -o "$next"
}

start=$(now)
if go_on; then run_as_group "$engine"; fi
if [ -n "$seconds" ]; then seconds_since "$start" >"$seconds"; fi
