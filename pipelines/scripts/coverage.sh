#!/usr/bin/env bash
# How much of the modules that guard the data is run by the tests.
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

if [ "${1-}" = --help ]; then
  cat <<'END'
usage: coverage.sh [--least PERCENT] [--tests PATTERN] [--build FOLDER]

Runs the tests, and the programs that they start, compiled to count what is run, and prints a table: module or file, lines,
lines run in %, regions, regions run in %. A region is a piece of code without a branch. Files are listed below their
module where anything is missing; FOLDER/missing.txt (default: build/coverage) shows every line that was not run.
Exit: 0 every module has at least PERCENT (default: 95) of both, 1 one has less, 64 usage.
END
  exit 0
fi

least=95
tests='GzipTests|SafetensorsTests|ToolSupportTests|FuzzTests|PipelineTests'
build=$root/build/coverage
while [ $# -gt 0 ]; do
  [ $# -gt 1 ] || die 64 "found '$1', expected --least, --tests or --build and a value (see coverage.sh --help)"
  case $1 in
    --least) least=$2 ;;
    --tests) tests=$2 ;;
    --build) build=$2 ;;
    *) die 64 "found '$1', expected --least, --tests or --build (see coverage.sh --help)" ;;
  esac
  shift 2
done
modules=(Gzip Safetensors ToolSupport)

cd "$root"
mkdir -p "$build"
tools=$(dirname "$(readlink -f "$(command -v swift)")")
# Optimized, for otherwise the pipelines take hours; with counters only where they are read (docs/FUZZING.md says why).
export NN_COVERAGE=${modules[*]}
options=(--scratch-path "$build" -Xswiftc -O -Xswiftc -enable-testing
  -Xswiftc -Xclang-linker -Xswiftc -fprofile-instr-generate)
# Whatever is started writes its profile there; %m stands for the counters: all processes with the same ones add to one file.
export LLVM_PROFILE_FILE=$build/profiles/%m.profraw
swift build "${options[@]}" --build-tests >"$build/build.log" 2>&1 || {
  tail -20 "$build/build.log" >&2
  die 70 'the tests could not be built'
}
bin=$(swift build "${options[@]}" --show-bin-path)

rm -rf "$build/profiles"
status=0
NN_BIN=$bin swift test "${options[@]}" --skip-build --filter "$tests" >"$build/test.log" 2>&1 || status=$?
[ "$status" -eq 0 ] || say "tests fail, as $build/test.log says; what they run is counted all the same"

"$tools/llvm-profdata" merge -sparse "$build"/profiles/*.profraw -o "$build/all.profdata"
objects=("$bin"/*.xctest)
for tool in Sources/nn-*; do objects+=(-object "$bin/${tool##*/}"); done
paths=()
for module in "${modules[@]}"; do paths+=("Sources/$module"); done
"$tools/llvm-cov" export -summary-only -instr-profile "$build/all.profdata" "${objects[@]}" "${paths[@]}" \
  >"$build/summary.json"
"$tools/llvm-cov" show -instr-profile "$build/all.profdata" "${objects[@]}" "${paths[@]}" |
  awk '/^\/.*:$/ { file = $0 } $2 ~ /^0\|/ || /\^0/ { if (file) print file; file = ""; print }' >"$build/missing.txt"

python3 - "$build/summary.json" "$least" "${modules[@]}" <<'END'
import json, os, sys

files = json.load(open(sys.argv[1]))["data"][0]["files"]
least = float(sys.argv[2])
kinds = ("lines", "regions")

def percent(sums):
    return [100 * covered / max(count, 1) for count, covered in sums]

def row(name, sums):
    parts = [f"{count}\t{share:.2f}" for (count, _), share in zip(sums, percent(sums))]
    return "\t".join([name] + parts)

print("module\tlines\t%\tregions\t%")
fails = False
for module in sys.argv[3:]:
    own = [f for f in files if f"{os.sep}Sources{os.sep}{module}{os.sep}" in f["filename"]]
    sums = [[sum(f["summary"][kind][key] for f in own) for key in ("count", "covered")] for kind in kinds]
    fails = fails or not own or min(percent(sums)) < least
    print(row(module, sums))
    for file in sorted(own, key=lambda file: file["filename"]):
        counts = [[file["summary"][kind][key] for key in ("count", "covered")] for kind in kinds]
        if min(percent(counts)) < 100:
            print(row("  " + os.path.basename(file["filename"]), counts))
sys.exit(1 if fails else 0)
END
