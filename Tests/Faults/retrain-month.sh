#!/usr/bin/env bash
# A month of nights, once as it should be and once with a fault on every third night: both must end with a model as good on
# data that neither has seen.
# usage: retrain-month.sh [NIGHTS]    (default: 30)
# shellcheck source-path=SCRIPTDIR source=retraining.sh
. "$(dirname "$0")/retraining.sh"

count=${1:-30}
digits
nights "$count"
set_up good
set_up bad

# loss MODEL: its loss and accuracy on the test data.
judge() { nn-forward -m "$1" test.safetensors.gz | nn-eval | awk -F '\t' 'NR == 2 { print "loss " $1 ", accuracy " $2 }'; }

# night FOLDER: a run as cron starts it; its status and message are kept.
night() {
  status=0
  "$retrain" "$1" 2>message || status=$?
}

# whole: whether the model in use can be used.
whole() { nn-forward -m bad/models/current test.safetensors.gz -o /dev/null || lost=$((lost + 1)); }

zcat -f holdout.safetensors.gz >plain-holdout
lost=0 faults=0
for ((number = 1; number <= count; number++)); do
  file=night-$number.safetensors.gz
  deliver good "$file" "$file"
  night good
  [ "$status" -eq 0 ] || { echo "night $number without a fault: status $status: $(cat message)" >&2 && lost=$((lost + 1)); }
  fault='' expected=0
  if [ $((number % 3)) -eq 0 ]; then
    faults=$((faults + 1))
    case $((number / 3 % 10)) in
      1) fault='killed at a random moment' ;;
      2) fault='a file that was cut off' expected=65 && head -c 700 "$file" >short && deliver bad short "cut-$number.safetensors.gz" ;;
      3) fault='the holdout delivered as data' expected=65 && deliver bad plain-holdout "leak-$number.safetensors" ;;
      4) fault='pictures of another scale' expected=65 &&
        nn-inspect --values --name input "$file" | awk -F '\t' -v OFS=, '!/^#/ { for (i = 1; i <= NF; i++) $i /= 100; print }' >in.csv &&
        nn-inspect --values --name target "$file" | grep -v '^#' | tr '\t' '\n' | paste -d , in.csv - >table.csv &&
        nn-import table.csv --class-column 65 -o scaled.gz && deliver bad scaled.gz "scaled-$number.safetensors.gz" ;;
      5) fault='all files of the week again' && for ((old = number - 7; old < number; old++)); do
        [ "$old" -lt 1 ] || deliver bad "night-$old.safetensors.gz" "again-$old.safetensors.gz"
      done ;;
      6) fault='a disk that is full' ;;
      7) fault='one label for everything' expected=65 &&
        nn-inspect --values --name input "$file" | awk -F '\t' -v OFS=, '!/^#/ { $1 = $1; print $0, 7 }' >table.csv &&
        nn-import table.csv --class-column 65 -o one.gz && deliver bad one.gz "one-$number.safetensors.gz" ;;
      8) fault='ended by a signal' ;;
      9) fault='a training that diverges' ;;
      0) fault='a run already at work' ;;
    esac
  fi
  deliver bad "$file" "$file"
  case $fault in
    'killed at a random moment')
      setsid "$retrain" bad >/dev/null 2>&1 & leader=$!
      sleep "0.$(printf %03d "$(random 800)")"
      # shellcheck disable=SC2046
      kill -KILL $(ps -o pid= -s "$leader") 2>/dev/null || true
      { wait "$leader" || true; } 2>/dev/null
      ;;
    'ended by a signal')
      setsid "$retrain" bad >/dev/null 2>&1 & leader=$!
      sleep "0.$(printf %03d "$(random 800)")"
      kill -TERM "$leader" 2>/dev/null || true
      { wait "$leader" || true; } 2>/dev/null
      ;;
    'a disk that is full')
      # No file may grow above a KiB: the challenger does not fit.
      (ulimit -f 1 && trap '' XFSZ && exec "$retrain" bad) >/dev/null 2>message && lost=$((lost + 1)) ;;
    'a training that diverges') "$retrain" --train '--rate 1e30 --size 16' bad >/dev/null 2>message && lost=$((lost + 1)) ;;
    'a run already at work')
      flock bad/lock "$retrain" bad >/dev/null 2>message && lost=$((lost + 1))
      [ ! -s message ] || lost=$((lost + 1))
      ;;
    *)
      night bad
      [ "$status" -eq "$expected" ] || { echo "night $number: $fault: status $status: $(cat message)" >&2 && lost=$((lost + 1)); }
      ;;
  esac
  whole
  if [ -n "$fault" ]; then echo "night $number: $fault"; fi
done
# What the last nights left undone is done by the next one.
night bad
[ "$status" -eq 0 ] || { echo "the night after: status $status: $(cat message)" >&2 && lost=$((lost + 1)); }
printf 'nights\t%s\nfaults\t%s\n' "$count" "$faults"
printf 'first model\t%s\nmonth without faults\t%s\nmonth with faults\t%s\n' "$(judge model.safetensors.gz)" \
  "$(judge good/models/current)" "$(judge bad/models/current)"
printf 'promotions\t%s without, %s with faults\n' $(($(wc -l <good/models/promotions.tsv) - 2)) \
  $(($(wc -l <bad/models/promotions.tsv) - 2))
# As good: by no more than 0.05 of loss worse, with confidence, and no class by more than 0.15.
nn-forward -m good/models/current test.safetensors.gz -o good.predictions
nn-forward -m bad/models/current test.safetensors.gz | nn-gate good.predictions - --margin -0.05 --class-limit 0.15 |
  cut -f 1,12 || { echo 'the month with faults ends with a worse model' >&2 && lost=$((lost + 1)); }
printf 'lost\t%s\n' "$lost"
[ "$lost" -eq 0 ]
