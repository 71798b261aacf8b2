#!/usr/bin/env bash
# kill -9 of a run at random moments: of the script alone, or of all its processes. At any time after it models/current must
# be a whole model, and running again must come to the same model as a run that nobody disturbed.
# usage: retrain-kills.sh [KILLS]    (default: 100)
# shellcheck source-path=SCRIPTDIR source=retraining.sh
. "$(dirname "$0")/retraining.sh"

kills=${1:-100}
digits
nights 8
set_up before
echo 'gate --class-limit 1' >>before/settings
deliver before night-1.safetensors.gz one.safetensors.gz
deliver before holdout.safetensors.gz leaked.safetensors.gz

cp -a before expected
start=${EPOCHREALTIME/./}
"$retrain" expected 2>/dev/null && exit 70
took=$(((${EPOCHREALTIME/./} - start) / 1000))
wanted=$(readlink expected/models/current)
[ "$wanted" != "$(readlink before/models/current)" ] || { echo 'the night without a kill promotes nothing' >&2 && exit 70; }

# state FOLDER: what must be the same at the end.
state() {
  (cd "$1" && readlink models/current models/previous && ls incoming work/claimed rejected &&
    cut -f 2,3,6,14 models/promotions.tsv && cut -f 2-6 archive/learned.tsv | sort -u)
}

lost=0 stopped=0
for ((number = 1; number <= kills; number++)); do
  rm -rf folder
  cp -a before folder
  setsid "$retrain" folder >/dev/null 2>&1 &
  leader=$!
  moment=$(random $((took + took / 10)))
  sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
  # The run leads a session, and so a group, of its own; the training is a group in that session.
  if [ $((number % 2)) -eq 0 ]; then victims=$(ps -o pid= -s "$leader" || true); else victims=$leader; fi
  # shellcheck disable=SC2086
  if kill -KILL $victims 2>/dev/null; then stopped=$((stopped + 1)); fi
  { wait "$leader" || true; } 2>/dev/null
  trouble=
  nn-forward -m folder/models/current test.safetensors.gz -o /dev/null || trouble='no whole model after the kill'
  status=0
  for attempt in 1 2 3; do
    status=0
    "$retrain" folder 2>message || status=$?
    case $status in 0) break ;; 65) ;; *) trouble="run again $attempt: status $status: $(cat message)" ;; esac
  done
  [ "$status" -eq 0 ] || trouble="no end: status $status"
  diff <(state expected) <(state folder) >difference || trouble="another end: $(head -n 5 difference)"
  if [ -n "$trouble" ]; then
    lost=$((lost + 1))
    echo "kill $number after $moment of $took ms: $trouble" >&2
  fi
done
printf 'kills\t%s\nof a run at work\t%s\nlost\t%s\n' "$kills" "$stopped" "$lost"
[ "$lost" -eq 0 ]
