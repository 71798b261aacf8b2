# shellcheck shell=bash disable=SC2034,SC2154 # variables that retrain.sh sets and uses
# Read by retrain.sh: how a model takes another's place in $models, whatever moment the script is ended at.
#
# What is to change is first written down whole, in $models/intent. Then it is done, step by step; each can be done again
# without harm, so a run that finds an intent does all of them and comes to the same end. A file appears by a rename,
# after its bytes have reached the disk.

promotions_header=$(printf '%s\t' time old new examples old_loss new_loss gain gain_low gain_high \
  old_accuracy new_accuracy worst_class worst_class_fall)reason
learned_header=$(printf '%s\t' time data rows file outcome model)reason
no_figures=$'-\t-\t-\t-\t-\t-\t-\t-\t-\t-' # where nothing was measured

# commit FILE: gives FILE.partial, which has been written, its name.
commit() {
  sync "$1.partial"
  mv -fT -- "$1.partial" "$1"
  sync "${1%/*}"
}

# point LINK NAME: makes LINK a symbolic link to NAME, from one moment to the next.
point() {
  ln -sfn -- "$2" "$1.partial"
  mv -fT -- "$1.partial" "$1"
  sync "${1%/*}"
}

# add_lines TABLE HEADER LINES: adds those of the lines that the table lacks.
add_lines() {
  { if [ -e "$1" ]; then cat -- "$1"; else printf '%s\n' "$2"; fi && printf '%s\n' "$3"; } >"$1.all"
  awk 'NF && !seen[$0]++' "$1.all" >"$1.partial"
  commit "$1"
  rm -f -- "$1.all"
}

# linked LINK: the file's name that a link in $models points to; nothing without one.
linked() { readlink -- "$models/$1" || true; }

# intend OLD NEW FIGURES REASON LEARNED: writes down that NEW is to take OLD's place (empty for none), with a line for
# promotions.tsv, made of FIGURES and REASON, and the lines for learned.tsv.
intend() {
  {
    printf 'switch\t%s\t%s\n' "$1" "$2"
    printf 'promotion\t%s\t%s\t%s\t%s\t%s\n' "$(utc)" "${1:--}" "$2" "$3" "$4"
    if [ -n "$5" ]; then awk '{ print "learned\t" $0 }' <<<"$5"; fi
  } >"$models/intent.partial"
  commit "$models/intent"
}

# settle: does what is written down.
settle() {
  local switch old new
  [ -e "$models/intent" ] || return 0
  switch=$(sed -n 's/^switch\t//p' "$models/intent")
  old=${switch%%$'\t'*} new=${switch##*$'\t'}
  [ -e "$models/$new" ] || fail 66 "models/intent: there is no models/$new"
  if [ -n "$old" ]; then point "$models/previous" "$old"; fi
  point "$models/current" "$new"
  add_lines "$models/promotions.tsv" "$promotions_header" "$(sed -n 's/^promotion\t//p' "$models/intent")"
  add_lines "$archive/learned.tsv" "$learned_header" "$(sed -n 's/^learned\t//p' "$models/intent")"
  rm -- "$models/intent"
  sync "$models"
  say "models/current is $new"
}

# prune KEEP: removes all models but the last KEEP that were promoted, the current and the previous one.
prune() {
  local kept file name
  [ -e "$models/promotions.tsv" ] || return 0
  kept=$(linked current && linked previous && awk -F '\t' -v keep="$1" '
    NR > 1 { order[NR] = $3 }
    END { for (i = NR; i > 1 && count < keep; i--) if (!(order[i] in seen)) { seen[order[i]]; count++; print order[i] } }
  ' "$models/promotions.tsv")
  for file in "$models"/*; do
    name=${file##*/}
    if [[ $name =~ ^[0-9a-f]{32}\.safetensors(\.gz)?$ ]] && ! grep -qxF -- "$name" <<<"$kept"; then
      say "models/$name is older than the last $1: removed"
      rm -- "$file"
    fi
  done
}

utc() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# content_name FILE NAME: what a model is called: the first 32 digits of its bytes' SHA-256, and the ending of NAME.
content_name() {
  local ending=.safetensors.gz
  case $2 in *.safetensors) ending=.safetensors ;; esac
  printf '%s%s\n' "$(sha256sum <"$1" | cut -c 1-32)" "$ending"
}

# install_model FILE NAME: copies a model to $models under NAME.
install_model() {
  cp -- "$1" "$models/$2.partial"
  commit "$models/$2"
}
