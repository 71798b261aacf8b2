#!/usr/bin/env bash
# Follows the article's single neuron from its table to its answer; every number is read out of the stages' files.
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

if [ $# -gt 0 ]; then
  cat <<'END'
usage: article.sh

Teaches a single neuron the article's table, as the article does: the first iteration shown quantity by quantity, then
10,000 in the ring. Compares the weights and the answer with the published ones.
Exit: 0 they agree to all digits shown, 1 they do not.
END
  [ "$1" = --help ] && exit 0 || exit 64
fi
need_tools
make_folder "${TMPDIR:-/tmp}"
data=$root/data/article
steps=10000
published_weights='9.67299303 -0.20784350 -4.62963669'
published_answer=0.99993704

# numbers FILE TENSOR: its numbers, a row a line, to the eight decimals that the article prints.
numbers() {
  "$bin/nn-inspect" --values --name "$2" "$tmp/$1" |
    awk '!/^#/ { for (i = 1; i <= NF; i++) printf "%s%.8f", (i > 1 ? " " : ""), $i; printf "\n" }'
}

# plain FILE TENSOR: its numbers as they are.
plain() { "$bin/nn-inspect" --values --name "$2" "$tmp/$1" | awk '!/^#/ { $1 = $1; print }'; }

echo 'A neuron with three inputs and one output learns a rule from four examples.'
echo
"$bin/nn-import" "$data/table.csv" --target-columns output -o "$tmp/table"
echo 'The table (data/article/table.csv)'
echo
paste -d ' ' <(plain table input) <(plain table target) |
  awk 'BEGIN { print "  inputs   output" } { printf "  %s %s %s    %s\n", $1, $2, $3, $4 }'
echo
"$bin/nn-import" "$data/weights.csv" --tensor dense1.weight -o "$tmp/start"
"$bin/nn-init" "$root/pipelines/nets/article.net" --dtype f64 --weights "$tmp/start" -o "$tmp/model"
echo 'The start weights, drawn at random between -1 and 1 (data/article/weights.csv)'
echo
printf '  %s\n\n' "$(numbers model dense1.weight)"

echo 'The first iteration, all four examples at once, each stage reading the file of the one before'
echo
"$bin/nn-batch" "$tmp/table" --size all --no-shuffle --limit 1 -o "$tmp/batch"
"$bin/nn-forward" -m "$tmp/model" --trace --sums "$tmp/batch" -o "$tmp/trace"
"$bin/nn-backprop" --deltas "$tmp/trace" -o "$tmp/gradient"
"$bin/nn-update" -m "$tmp/model" --rate 1 --reduce sum "$tmp/gradient" -o "$tmp/corrected"
paste -d ' ' <(plain batch input) <(plain batch target) <(numbers trace dense1.sum) <(numbers trace dense1.output) \
  <(numbers gradient dense1.error) <(numbers gradient dense1.derivative) <(numbers gradient dense1.delta) |
  awk '
    BEGIN {
      printf "  %-11s %15s %12s %12s %12s %12s\n",
        "example", "input x weights", "output", "error", "derivative", "delta"
    }
    { printf "  %s %s %s -> %s  %15s %12s %12s %12s %12s\n", $1, $2, $3, $4, $5, $6, $7, $8, $9 }'
echo
cat <<END
  output      1 / (1 + e^-sum), sum being input x weights          nn-forward --trace --sums
  error       output - wanted output (the article: the reverse)    nn-backprop --deltas
  derivative  output x (1 - output), the slope of the sigmoid
  delta       error x derivative

  gradient           $(numbers gradient dense1.weight)   inputs x deltas, over the examples
  corrected weights  $(numbers corrected dense1.weight)   weights - gradient: nn-update

END

echo "$steps such iterations, in the ring: nn-batch | nn-forward | nn-backprop | nn-update, weights flowing back"
echo
"$root/pipelines/scripts/epoch.sh" -m "$tmp/model" -o "$tmp/trained" --epoch 1 --epochs "$steps" \
  --size all --no-shuffle --seed 1 --rate 1 --reduce sum "$tmp/table"
weights=$(numbers trained dense1.weight)
"$bin/nn-import" "$data/question.csv" -o "$tmp/question"
"$bin/nn-forward" -m "$tmp/trained" "$tmp/question" -o "$tmp/answer"
answer=$(numbers answer output)

verdict=0
# compare WHAT FOUND PUBLISHED
compare() {
  printf '  %-28s %s\n  %-28s %s\n' "$1" "$2" 'published' "$3"
  [ "$2" = "$3" ] || { say "$1: found $2, published $3" && verdict=1; }
}
compare 'weights' "$weights" "$published_weights"
echo
compare "answer to $(plain question input)" "$answer" "$published_answer"
exit "$verdict"
