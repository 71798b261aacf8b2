#!/usr/bin/env bash
# Runs tests under AddressSanitizer and ThreadSanitizer: docs/FUZZING.md.
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

if [ "${1-}" = --help ]; then
  cat <<'END'
usage: sanitize.sh [--tests PATTERN] [--build FOLDER] [address|thread]…

Compiles the tests with the sanitizers (default: both), each in a folder of its own in FOLDER (default: build), and runs
those whose names match. NN_TESTS names other test targets than the usual ones, such as 'LayersTests|LossesTests'. Prints
a table: sanitizer, tests that passed, findings.
Exit: 0 nothing found, 1 something found, a test failed or none was run, 64 usage, 70 the tests could not be built.
END
  exit 0
fi

# The test targets that are compiled: Package.swift.
export NN_TESTS=${NN_TESTS:-GzipTests|SafetensorsTests|StagesTests|KernelsTests|ProductsTests|PropagationTests|FuzzTests}
tests=$NN_TESTS
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

found=0
printf 'sanitizer\ttests\tfindings\n'
for sanitizer in "$@"; do
  [[ $sanitizer == address || $sanitizer == thread ]] || die 64 "found '$sanitizer', expected address or thread"
  log=$build/sanitize-$sanitizer
  mkdir -p "$build"
  rm -f "$log".*
  # Optimized: otherwise it takes far too long, and optimized code is what runs.
  options=(-c release --scratch-path "$log" --sanitize="$sanitizer" -Xswiftc -enable-testing -Xswiftc -use-ld=lld)
  swift build "${options[@]}" --build-tests >"$log.build.log" 2>&1 || {
    grep -m 20 'error:' "$log.build.log" >&2 || tail -20 "$log.build.log" >&2
    die 70 "$sanitizer: the tests could not be built, nothing was run (all of it in $log.build.log)"
  }
  # Every process writes its reports into a file of its own: what a test starts is silent otherwise.
  export ASAN_OPTIONS=detect_leaks=0:log_path=$log.report
  export TSAN_OPTIONS=suppressions=$root/pipelines/scripts/thread-sanitizer.txt:halt_on_error=0:exitcode=1:log_path=$log.report
  status=0
  swift test "${options[@]}" --skip-build --filter "$tests" >"$log.log" 2>&1 || status=$?
  findings=$(cat "$log.log" "$log".report.* 2>/dev/null | grep -c -E '(ERROR|WARNING|FATAL): (Address|Thread)Sanitizer' || true)
  passed=$(tests_that passed "$log.log" | wc -l)
  printf '%s\t%s\t%s\n' "$sanitizer" "$passed" "$findings"
  if [ "$status" -ne 0 ] || [ "$findings" -gt 0 ]; then
    found=1
    say "$sanitizer: status $status, see $log.log$(printf ' %s' "$log".report.* | grep -v -F '*' || true)"
  elif [ "$passed" -eq 0 ]; then
    found=1
    say "$sanitizer: no test was run, see $log.log"
  fi
done
exit "$found"
