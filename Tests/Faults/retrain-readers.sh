#!/usr/bin/env bash
# Readers of models/current while models are promoted: each must get a whole model, and one that was promoted.
# usage: retrain-readers.sh [PROMOTIONS]    (default: 1000)
# shellcheck source-path=SCRIPTDIR source=retraining.sh
. "$(dirname "$0")/retraining.sh"

promotions=${1:-1000}
digits
set_up folder
for number in 1 2 3 4 5 6 7 8; do nn-init net --seed "$number" -o "model-$number.gz"; done

# read_on NAME COMMAND…: runs COMMAND until there is a file `stop`; counts in NAME.read and NAME.lost.
read_on() {
  local name=$1 read=0 lost=0
  shift
  until [ -e stop ]; do
    "$@" >/dev/null 2>>"$name.errors" || lost=$((lost + 1))
    read=$((read + 1))
  done
  echo "$read" >"$name.read" && echo "$lost" >"$name.lost"
}

# is_whole: whether the bytes that current leads to are those of a model, by its name.
is_whole() {
  local name
  name=$(sha256sum <folder/models/current | cut -c 1-32)
  grep -q "^$name" names || { echo "found $name" >&2 && return 1; }
}

for number in 1 2 3 4 5 6 7 8; do sha256sum <"model-$number.gz"; done | cut -c 1-32 >names
sha256sum <model.safetensors.gz | cut -c 1-32 >>names
nn-batch test.safetensors.gz --size 4 --limit 1 -o batch.gz
read_on forward-1 nn-forward -m folder/models/current batch.gz -o /dev/null &
read_on forward-2 nn-forward -m folder/models/current batch.gz -o /dev/null &
read_on digest is_whole &

# The promotions themselves: a model that was pruned comes back anew.
status=0
for ((number = 0; number < promotions; number++)); do
  nn-registry promote folder "model-$((number % 8 + 1)).gz" --reason "promotion $number" >/dev/null &&
    nn-registry prune folder --keep 2 >/dev/null || status=$?
done
touch stop
wait
made=$(($(wc -l <folder/models/promotions.tsv) - 2))
read=$(cat ./*.read | awk '{ sum += $1 } END { print sum }')
lost=$(cat ./*.lost | awk '{ sum += $1 } END { print sum }')
cat ./*.errors >&2
printf 'promotions\t%s\nreads\t%s\nlost\t%s\n' "$made" "$read" "$lost"
[ "$status" -eq 0 ] && [ "$made" -eq "$promotions" ] && [ "$read" -gt 0 ] && [ "$lost" -eq 0 ]
