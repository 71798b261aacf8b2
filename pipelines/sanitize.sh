#!/usr/bin/env bash
# Runs tests under AddressSanitizer and ThreadSanitizer: docs/FUZZING.md.
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

if [ "${1-}" = --help ]; then
  cat <<'END'
usage: sanitize.sh [--tests PATTERN] [--build FOLDER] [address|thread]…

Compiles the tests with the sanitizers (default: both), each in a folder of its own in FOLDER (default: build), and runs
those whose names match. Prints a table: sanitizer, tests, findings.
Exit: 0 nothing found, 1 something found or a test failed, 64 usage.
END
  exit 0
fi

tests='GzipTests|SafetensorsTests|StagesTests|KernelsTests|ProductsTests|PropagationTests|FuzzTests'
build=$root/build
while [ $# -gt 0 ]; do
  case $1 in
    --tests | --build)
      [ $# -gt 1 ] || die 64 "$1: expected a value"
      case $1 in --tests) tests=$2 ;; --build) build=$2 ;; esac
      shift 2
      ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || set -- address thread

cd "$root"
# The runtime's own reports of a crash come in between the sanitizer's.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=detect_leaks=0
export TSAN_OPTIONS=suppressions=$root/pipelines/thread-sanitizer.txt:halt_on_error=0:exitcode=1
# Threads of the BLAS are its own business; here it is always called with one.
export OPENBLAS_NUM_THREADS=1

found=0
printf 'sanitizer\ttests\tfindings\n'
for sanitizer in "$@"; do
  [[ $sanitizer == address || $sanitizer == thread ]] || die 64 "found '$sanitizer', expected address or thread"
  log=$build/sanitize-$sanitizer.log
  mkdir -p "$build"
  options=(--scratch-path "$build/sanitize-$sanitizer" --sanitize="$sanitizer" -Xswiftc -use-ld=lld)
  status=0
  swift build "${options[@]}" --build-tests >"$log" 2>&1 || {
    tail -20 "$log" >&2
    die 70 "the tests could not be built (all of it in $log)"
  }
  swift test "${options[@]}" --skip-build --filter "$tests" >"$log" 2>&1 || status=$?
  findings=$(grep -c -E '(ERROR|WARNING): (Address|Thread)Sanitizer' "$log" || true)
  passed=$(grep -c -E 'Test .* passed after|Test case passing' "$log" || true)
  printf '%s\t%s\t%s\n' "$sanitizer" "$passed" "$findings"
  if [ "$status" -ne 0 ] || [ "$findings" -gt 0 ]; then
    found=1
    say "$sanitizer: status $status, see $log"
  fi
done
exit "$found"
