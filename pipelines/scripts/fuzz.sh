#!/usr/bin/env bash
# Fuzzes the readers of bytes from outside: docs/FUZZING.md.
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

if [ "${1-}" = --help ]; then
  cat <<'END'
usage: fuzz.sh [--runs N] [--seed S] [--build FOLDER] [TARGET…]

Compiles the readers with libFuzzer's and AddressSanitizer's checks and gives each N inputs (default: 20000), mutated from
its corpus in Tests/FuzzTests/Corpus. Prints a table: target, runs, edges covered, findings. Inputs that break a
promise are kept in FOLDER/findings (default: build/fuzz), new ones that cover more in FOLDER/corpus.
Exit: 0 nothing found, 1 something found, 64 usage, 66 no Swift toolchain with libFuzzer.
END
  exit 0
fi

runs=20000
seed=1
build=$root/build/fuzz
while [ $# -gt 0 ]; do
  case $1 in
    --runs | --seed | --build)
      [ $# -gt 1 ] || die 64 "$1: expected a value"
      case $1 in --runs) runs=$2 ;; --seed) seed=$2 ;; --build) build=$2 ;; esac
      shift 2
      ;;
    -*) die 64 "found '$1', expected --runs, --seed, --build or a target (see fuzz.sh --help)" ;;
    *) break ;;
  esac
done
[[ $runs =~ ^[1-9][0-9]*$ ]] || die 64 "--runs: found '$runs', expected a whole number above 0"
[[ $seed =~ ^[1-9][0-9]*$ ]] || die 64 "--seed: found '$seed', expected a whole number above 0"

# The toolchain's own libFuzzer, without the main program, as the package manager gives every program one.
resources=$(swift -print-target-info | awk -F '"' '$2 == "runtimeResourcePath" { print $4 }')
library=$resources/clang/lib/linux/libclang_rt.fuzzer_no_main-$(uname -m).a
[ -f "$library" ] || die 66 "this Swift toolchain has no libFuzzer: found no $library"

# One optimized build for everything: a sanitizer sees what optimized code does with memory.
sanitizers=address,fuzzer
options=(-c release --scratch-path "$build" --product fuzzer
  -Xswiftc -enable-testing -Xswiftc -use-ld=lld
  -Xswiftc -Xfrontend -Xswiftc "-sanitize=$sanitizers" -Xswiftc -Xclang-linker -Xswiftc -fsanitize=address
  -Xlinker "$library" -Xlinker -lstdc++)
mkdir -p "$build"
cd "$root"
export NN_FUZZER=1
swift build "${options[@]}" >"$build/build.log" 2>&1 || {
  tail -20 "$build/build.log" >&2
  die 70 "the fuzzer could not be built"
}
fuzzer=$(swift build "${options[@]}" --show-bin-path)/fuzzer

# The runtime's own reports of a crash come in between the sanitizer's.
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16:allocator_may_return_null=1
[ $# -gt 0 ] || mapfile -t targets < <("$fuzzer")
[ $# -eq 0 ] || targets=("$@")

found=0
printf 'target\truns\tedges\tfindings\n'
for target in "${targets[@]}"; do
  corpus=Tests/FuzzTests/Corpus/$target
  [ -d "$corpus" ] || die 64 "found target '$target', expected one of $("$fuzzer" | tr '\n' ' ')"
  grown=$build/corpus/$target
  findings=$build/findings/$target
  mkdir -p "$grown" "$findings"
  log=$build/$target.log
  dictionary=()
  [ ! -f "Tests/FuzzTests/Dictionaries/$target.txt" ] || dictionary=("-dict=Tests/FuzzTests/Dictionaries/$target.txt")
  status=0
  FUZZ_TARGET=$target "$fuzzer" -runs="$runs" -seed="$seed" -max_len=4096 -timeout=120 -rss_limit_mb=1024 \
    -malloc_limit_mb=256 -artifact_prefix="$findings/" "${dictionary[@]}" "$grown" "$corpus" >"$log" 2>&1 || status=$?
  awk -v target="$target" -v status="$status" '
    $1 ~ /^#[0-9]/ { runs = substr($1, 2); for (i = 2; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
    END { printf "%s\t%d\t%d\t%d\n", target, runs, edges, status != 0 }' "$log"
  if [ "$status" -ne 0 ]; then
    found=1
    say "$target: $(grep -m 1 -E 'Fatal error|ERROR: ' "$log" || tail -1 "$log") (all of it in $log)"
  fi
done
exit "$found"
