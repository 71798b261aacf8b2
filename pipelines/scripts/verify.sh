#!/usr/bin/env bash
# Shows that every way to run the same steps ends in the same document, on this machine and with these tools.
# shellcheck source-path=SCRIPTDIR source=tools.sh disable=SC2317 # the routes are called by name
. "$(dirname "$0")/tools.sh"

usage() {
  cat <<'END'
usage: verify.sh [--net FILE --learn OPTIONS [--augment OPTIONS] [--size B] DATASET]

Trains networks for two epochs, each by several routes: a process for each stage and step, the ring, nn-train with
several numbers of threads, runs that were interrupted and resumed. Compares the models, decompressed, byte for byte.
Alone it trains small networks on the handwritten digits: a plain one in F32 and in F64, and one with layers of nearly
every kind on distorted pictures, by a rule that keeps a state under a rate that changes.

  --net FILE          train this topology instead, on some 2.4 batches of DATASET
  --learn OPTIONS     the options of nn-update, as one word
  --augment OPTIONS   distort the batches: options of nn-augment, as one word; none for an empty one
  --size B            examples in a batch (default: 100)

NN_BIN names the folder of the tools.
Exit: 0 all are the same, 1 a route differs or failed.
END
}

wrong_usage() { die 64 "$1 (see verify.sh --help)"; }

net='' learn='' augment='' dataset='' size=100 seed=3
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage && exit ;;
    -?*) [ $# -gt 1 ] || wrong_usage "$1: a value is missing" ;;
    *) [ -z "$dataset" ] || wrong_usage "$1: a second dataset" && dataset=$1 && shift && continue ;;
  esac
  case $1 in
    --net) net=$2 ;;
    --learn) learn=$2 ;;
    --augment) augment=$2 ;;
    --size) size=$2 ;;
    *) wrong_usage "unknown option $1" ;;
  esac
  shift 2
done
[[ $size =~ ^[1-9][0-9]*$ ]] || wrong_usage "--size: found '$size', expected a number from 1"
[ -n "$net" ] || [ -z "$learn$augment$dataset" ] || wrong_usage 'no topology: --net FILE'
[ -z "$net" ] || [ -n "$dataset" ] || wrong_usage 'no dataset'
need_tools
make_folder "${TMPDIR:-/tmp}"
set +u # before bash 4.4 an empty array counts as unset
batching=(--size "$size" --seed "$seed")
train=$tmp/train.safetensors.gz

# What is trained: the topology, its type, the options of nn-update, and those of nn-augment.
trainings=("$net|f32|$learn|$augment")
if [ -z "$net" ]; then
  trainings=(
    "$tmp/deep|f32|--rate 0.2|"
    "$tmp/deep|f64|--rate 0.2|"
    "$tmp/every|f32|--rate 0.01 --optimizer adam --schedule cosine --schedule-epochs 2 --warmup-epochs 0.5 --clip-norm 0.5\
|--shift 1 --rotate 10 --shape 8x8"
  )
fi
cat >"$tmp/deep" <<'END'
input 1x8x8
scale 1/16
dense 40 relu
dense 17 tanh
dense 10 softmax
loss  cross-entropy
END
cat >"$tmp/every" <<'END'
input     1x8x8
scale     1/16
conv      6 3x3 pad=1 bias=no
batchnorm relu name=trunk
conv      6 3x3 pad=1 groups=2
batchnorm
add       trunk relu
maxpool   2x2 name=largest
avgpool   2x2 from=add1
concat    largest
dropout   0.2
gru       12 return=all
layernorm axes=1
lstm      9
dense     10 softmax
loss      cross-entropy smoothing=0.1
END
# rows DATASET: how many it has.
rows() { "$bin/nn-inspect" "$1" | awk '$1 == "input" { gsub(/[^0-9]/, "", $3); print $3 }'; }

# Some batches of either, the last of which is short.
if [ -n "$net" ]; then
  rows=$(rows "$dataset")
  [ "$rows" -gt $((size * 5 / 2)) ] || die 65 "$dataset: found $rows rows, expected more than 2.5 batches of $size"
  fraction=$(awk -v rows="$rows" -v size="$size" 'BEGIN { print 2.4 * size / rows }')
else
  dataset=$tmp/all.safetensors.gz fraction=0.45
  "$bin/nn-import" "$root/data/digits/digits.csv.gz" --class-column 65 -o "$dataset"
fi
"$bin/nn-split" "$dataset" --fraction "$fraction" --seed 1 -o "$train" --rest "$tmp/rest.safetensors.gz"
steps=$("$bin/nn-batch" "$train" "${batching[@]}" --limit 1 | "$bin/nn-inspect" | awk '$1 == "nn.steps:" { print $2 }')
last=$((2 * steps))
middle=$((steps / 2 + 1)) # a step inside the first epoch

# Each route: MODEL NEXT, from the start to the end of the second epoch.

# by_hand MODEL NEXT FIRST LAST: those steps, counted over both epochs from 1, a process for each stage and step.
by_hand() {
  local step
  cp "$1" "$tmp/by-hand"
  for ((step = $3; step <= $4; step++)); do
    "$bin/nn-batch" "$train" "${batching[@]}" --epochs 2 --skip $((step - 1)) --limit 1 -o "$tmp/batch"
    if [ ${#distorting[@]} -gt 0 ]; then
      "$bin/nn-augment" "${distorting[@]}" "$tmp/batch" -o "$tmp/batch"
    fi
    "$bin/nn-forward" -m "$tmp/by-hand" --trace "$tmp/batch" --level 0 -o "$tmp/trace"
    "$bin/nn-backprop" "$tmp/trace" -o "$tmp/gradient"
    "$bin/nn-update" -m "$tmp/by-hand" "${updating[@]}" "$tmp/gradient" -o "$tmp/by-hand"
  done
  mv "$tmp/by-hand" "$2"
}

# ring MODEL NEXT EPOCH [OPTION…]
ring() {
  "$root/pipelines/scripts/epoch.sh" -m "$1" -o "$2" --epoch "$3" "${@:4}" "${batching[@]}" \
    --learn "${updating[*]}" --augment "${distorting[*]}" "$train"
}

# fused MODEL NEXT [OPTION…]
fused() {
  "$bin/nn-train" "$train" -m "$1" "${batching[@]}" "${distorting[@]}" "${updating[@]}" --epochs 2 \
    "${@:3}" -o "$2"
}

hand() { by_hand "$1" "$2" 1 "$last"; }

two_rings() { ring "$1" "$tmp/half" 1 && ring "$tmp/half" "$2" 2; }

one_ring() { ring "$1" "$2" 1 --epochs 2; }

ring_by() { ring "$2" "$3" 1 --epochs 2 -j "$1"; }

fused_by() { fused "$2" "$3" -j "$1"; }

# A ring that is killed in the middle of the second epoch leaves the first one's model; the epoch is then run again.
killed_ring() {
  ring "$1" "$tmp/half" 1
  mkfifo "$tmp/slow"
  # The batches come through a FIFO that stays open: the ring waits in the middle of its epoch for as long as it takes.
  "$bin/nn-batch" "$train" "${batching[@]}" --epoch 2 --limit "$middle" | head -c -10 >"$tmp/beginning"
  mkfifo "$tmp/weights"
  "$bin/nn-forward" -m "$tmp/half" --follow "$tmp/weights" --trace "$tmp/slow" | "$bin/nn-backprop" |
    "$bin/nn-update" -m "$tmp/half" "${updating[@]}" --feedback "$tmp/weights" -o "$2" 2>"$tmp/killed" &
  exec 9>"$tmp/slow"
  cat "$tmp/beginning" >&9
  kill -KILL $!
  exec 9>&-
  wait $! 2>/dev/null && return 1
  rm "$tmp/slow" "$tmp/weights"
  [ ! -e "$2" ] || return 1
  ring "$tmp/half" "$2" 2
}

# stopped_then ROUTE MODEL NEXT: nn-train stops inside the first epoch, and the rest goes by the route.
stopped_then() {
  fused "$2" "$tmp/stopped" --limit "$middle"
  case $1 in
    fused) fused "$tmp/stopped" "$3" ;;
    hand) by_hand "$tmp/stopped" "$3" $((middle + 1)) "$last" ;;
    ring) ring "$tmp/stopped" "$3" 1 --epochs 2 --skip "$middle" ;;
  esac
}

routes=(
  'by hand, a process a stage and step|hand'
  'ring, one an epoch|two_rings'
  'ring, one for both epochs|one_ring'
  'ring, each stage -j 1|ring_by 1'
  'ring, each stage -j 4|ring_by 4'
  'nn-train -j 1|fused_by 1'
  'nn-train -j 2|fused_by 2'
  'nn-train -j 4|fused_by 4'
  'ring, killed in the second epoch and run again|killed_ring'
  'nn-train, stopped and resumed|stopped_then fused'
  'nn-train, stopped, the rest by hand|stopped_then hand'
  'nn-train, stopped, the rest by the ring|stopped_then ring'
)

verdict=0
for training in "${trainings[@]}"; do
  IFS='|' read -r net dtype options distortions <<<"$training"
  read -r -a updating <<<"$options"
  read -r -a distorting <<<"$distortions"
  echo "$last steps in $dtype with $options $distortions, by ${#routes[@]} routes"
  "$bin/nn-init" "$net" --dtype "$dtype" --seed "$seed" -o "$tmp/start"
  rm -f "$tmp/expected"
  for route in "${routes[@]}"; do
    read -r -a command <<<"${route#*|}"
    rm -f "$tmp/end"
    # In a subshell of its own and outside of any condition, where -e would not hold.
    set +e
    (set -e; "${command[@]}" "$tmp/start" "$tmp/end") 2>"$tmp/messages"
    status=$?
    set -e
    if [ "$status" -ne 0 ]; then
      answer="FAILED with status $status"
      cat "$tmp/messages" >&2
    elif gzip -dc <"$tmp/end" >"$tmp/found" && [ ! -e "$tmp/expected" ]; then
      mv "$tmp/found" "$tmp/expected"
      answer=ok
    elif cmp -s "$tmp/found" "$tmp/expected"; then
      answer=ok
    else
      answer=DIFFERS
    fi
    printf '  %-48s %s\n' "${route%|*}" "$answer"
    case $answer in ok) ;; *) verdict=1 ;; esac
  done
done
[ "$verdict" -eq 0 ] || say 'not all routes end in the same document'
exit "$verdict"
