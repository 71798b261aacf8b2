# shellcheck shell=bash
# Read by the campaigns against retraining: a folder to retrain in, on handwritten digits, small and quick.

set -euo pipefail
export LC_ALL=C
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export NN_BIN=${NN_BIN:-$project/.build/release}
export PATH=$NN_BIN:$PATH
retrain=$project/pipelines/scripts/retrain.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/retraining.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

# Numbers that are the same every time, unless SEED says otherwise.
RANDOM=${SEED:-1}

# digits: makes all.gz, and of it holdout.safetensors.gz (300), test.safetensors.gz (300), first.safetensors.gz (197) and
# nights.gz (1000), and a model that has seen the first once.
digits() {
  nn-import "$project/data/digits/digits.csv.gz" --class-column 65 -o all.gz
  nn-split all.gz --fraction 0.16694 -o holdout.safetensors.gz --rest a.gz
  nn-split a.gz --fraction 0.2004 -o test.safetensors.gz --rest b.gz
  nn-split b.gz --fraction 0.1646 -o first.safetensors.gz --rest nights.gz
  printf '%s\n' 'input 1x8x8' 'scale 1/16' 'dense 16 relu' 'dense 10 softmax' 'loss cross-entropy' >net
  nn-init net | nn-train first.safetensors.gz -m - --rate 0.1 --size 16 --epochs 1 -o model.safetensors.gz
}

# part COUNT NIGHT: writes rows of nights.gz that no other of COUNT nights gets, to night-NIGHT.safetensors.gz.
nights() {
  local left=nights.gz night count=$1
  for ((night = 1; night < count; night++)); do
    nn-split "$left" --fraction "$(awk -v n=$((count - night + 1)) 'BEGIN { printf "%.6f", 1 / n }')" \
      -o "night-$night.safetensors.gz" --rest "left-$night.gz"
    left=left-$night.gz
  done
  cp "$left" "night-$count.safetensors.gz"
}

# set_up FOLDER
set_up() {
  "$retrain" --init --model model.safetensors.gz --holdout holdout.safetensors.gz "$1" first.safetensors.gz
  printf '%s\n' 'train --rate 0.1 --size 16' 'epochs 5' >>"$1/settings"
}

# deliver FOLDER FILE NAME: as whoever writes into incoming/ should.
deliver() {
  cp "$2" "$1/incoming/.$3"
  mv "$1/incoming/.$3" "$1/incoming/$3"
}

# random BELOW
random() { echo $(((RANDOM * 32768 + RANDOM) % $1)); }
