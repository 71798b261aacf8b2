#!/usr/bin/env bash
# Compiles programs and tests for arm64 on an x86-64 machine and runs them under emulation: docs/RELIABILITY.md.
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

if [ "${1-}" = --help ]; then
  cat <<'END'
usage: arm64.sh [--tests PATTERN] [--system FOLDER] [COMMAND…]

Installs Debian "sid" into a folder (default: build/arm64-system), once: a Swift for x86-64, which compiles, and Swift's and the
system's libraries for arm64. That is 1.5 GB to fetch and 9 GB to keep. With them compiles the programs and the tests
into build/arm64, shows by verify.sh that all ways to run the steps end in the same bytes, and runs the tests whose names
match; without a PATTERN all but PipelineTests, which start thousands of programs that take half a second each. Whatever is
for arm64 is emulated by qemu as a Cortex-A53, which has no more than every such processor has. Prints a table: what was
run, passed, failed. With a COMMAND runs only that there, the programs on its path.

Must be run by root, on Linux on x86-64. Where the processor is an arm64 itself, make test does all this.
Exit: 0 all passed, 1 something failed or nothing was run, 64 usage, 66 something is missing, 70 it could not be built,
else the status of COMMAND.
END
  exit 0
fi

tests=
build=$root/build/arm64
system=$root/build/arm64-system
while [ $# -gt 0 ]; do
  case $1 in
    --tests | --system)
      [ $# -gt 1 ] || die 64 "$1: expected a value"
      case $1 in --tests) tests=$2 ;; --system) system=$(realpath -m "$2") ;; esac
      shift 2
      ;;
    -*) die 64 "found '$1', expected --tests, --system or a command (see arm64.sh --help)" ;;
    *) break ;;
  esac
done
[ "$(uname -sm)" = 'Linux x86_64' ] || die 66 "found $(uname -sm), expected Linux x86_64"
[ "$(id -u)" -eq 0 ] || die 66 'only root can install a system into a folder and enter it'
command -v debootstrap >/dev/null || die 66 'debootstrap is not on the PATH: pipelines/scripts/setup.sh arm64 installs it'
cd "$root"
mkdir -p "$build" "$system"

# logged STATUS FILE MESSAGE COMMAND…: runs it with its output in FILE. If it fails, shows of that what matters, and dies.
logged() {
  local status=$1 log=$2 message=$3
  shift 3
  "$@" >"$log" 2>&1 || {
    grep -m 20 'error:' "$log" >&2 || tail -20 "$log" >&2
    die "$status" "$message (all of it in $log)"
  }
}

# inside COMMAND…: runs it in the system, with the project in its own place there. What it has started, and what is mounted
# for it, goes when it ends. The first process of all is a shell, and stays, for it must wait for those that nobody waits for.
inside() {
  mkdir -p "$system$root"
  # shellcheck disable=SC2016 # the dollars are the inner shells'
  ${as_user[@]+"${as_user[@]}"} unshare --mount --pid --fork --kill-child bash -euc '
    system=$1 project=$2 path=$3 emulated=$4
    shift 4
    mount --rbind "$project" "$system$project"
    mount --rbind /dev "$system/dev"
    mount -t proc proc "$system/proc"
    mount -t tmpfs tmpfs "$system/tmp"
    # The kernel hands programs for arm64 to qemu, in here only.
    formats=$system/proc/sys/fs/binfmt_misc
    if [ -n "$emulated" ] && mount -t binfmt_misc binfmt_misc "$formats"; then
      printf %s "$emulated" >"$formats/register"
    fi
    cd "$system$project"
    exec chroot "$system" env -i HOME=/root LC_ALL=C PATH="$path" NN_BIN="${path%%:*}" QEMU_CPU=cortex-a53 \
      PKG_CONFIG_PATH=/usr/lib/aarch64-linux-gnu/pkgconfig DEBIAN_FRONTEND=noninteractive \
      GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="*" \
      bash -uc "cd \"\$1\" && shift && \"\$@\" || exit" bash "$project" "$@"' \
    bash "$system" "$root" "$build/programs/release:/usr/libexec/swift/bin:/usr/sbin:/usr/bin" "$emulated" "$@"
}
as_user=() emulated=

# ---------------------------------------------------------------------------------------------------- The system

# Libraries are for arm64, programs for the processor that runs them.
packages() {
  printf '%s\n' ca-certificates g++ git libc6-dev:arm64 make procps python3-numpy python3-safetensors swiftlang
  awk '$1 == "build" || $1 == "test" { print $2 ($2 ~ /-dev$/ ? ":arm64" : "") }' pipelines/scripts/packages.txt
}

# Inside, installs the packages that are its arguments, and Swift's libraries for arm64. An SDK is a folder with everything for
# arm64 and nothing else in it.
# shellcheck disable=SC2016 # the dollars are the inner shell's
install_packages='
  dpkg --add-architecture arm64
  # A mirror may lag behind.
  apt-get -q -o Acquire::Check-Valid-Until=false update
  install() { apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends install "$@"; }
  install "$@"
  install "libstdc++-$(gcc -dumpversion)-dev:arm64"
  version=$(dpkg-query -W -f "\${Version}" swiftlang)
  rm -rf /opt/arm64 /opt/swift-arm64
  mkdir -p /opt/arm64/usr/lib /opt/swift-arm64
  cd /opt/swift-arm64
  apt-get -q -o APT::Sandbox::User=root download "swiftlang:arm64=$version" "libswiftlang:arm64=$version"
  for package in *.deb; do dpkg -x "$package" .; done
  rm ./*.deb
  apt-get clean
  swift=$PWD/usr/libexec/swift/lib
  cd /opt/arm64
  ln -s usr/lib lib
  ln -s /usr/include usr
  ln -s /usr/lib/aarch64-linux-gnu /usr/lib/gcc /usr/lib/ld-linux-aarch64.so.1 "$swift"/{clang,swift,swift_static} usr/lib
  # Debian leaves out this part of Swift Testing, which is asked for wherever Foundation is, and of which the tests use nothing.
  [ -e usr/lib/swift/linux/lib_Testing_Foundation.so ] ||
    /usr/libexec/swift/bin/llvm-ar rc usr/lib/swift/linux/lib_Testing_Foundation.a
  mkdir -p /opt/sdks/arm64.artifactbundle/arm64
  cd /opt/sdks/arm64.artifactbundle
  cat >info.json <<END
{
  "schemaVersion": "1.0",
  "artifacts": {"arm64": {"type": "swiftSDK", "version": "$version", "variants": [{"path": "arm64"}]}}
}
END
  cat >arm64/swift-sdk.json <<END
{
  "schemaVersion": "4.0",
  "targetTriples": {
    "aarch64-unknown-linux-gnu": {
      "sdkRootPath": "/opt/arm64",
      "swiftResourcesPath": "/opt/arm64/usr/lib/swift",
      "swiftStaticResourcesPath": "/opt/arm64/usr/lib/swift_static"
    }
  }
}
END
'

if [ ! -e "$system/installed" ]; then
  say "installing Debian into $system"
  rm -rf --one-file-system "$system"
  logged 66 "$build/debian.log" 'Debian could not be installed' debootstrap --variant=minbase sid "$system"
  touch "$system/installed"
fi
mapfile -t packages < <(packages)
if ! cmp -s <(printf '%s\n' "${packages[@]}") "$system/packages"; then
  say "installing Swift and the libraries for arm64 into $system"
  rm -f "$system/packages"
  logged 66 "$build/packages.log" 'the packages could not be installed' \
    inside bash -euc "$install_packages" bash "${packages[@]}"
  printf '%s\n' "${packages[@]}" >"$system/packages"
fi

# ---------------------------------------------------------------------------------------------------- The programs

# In a namespace of users of its own, root may tell the kernel about formats of programs (Linux 6.7).
as_user=(unshare --user --map-root-user)
# What such a program begins with, and of which bits that is said: all but those of ABI and of programs or libraries.
zeros=$(printf '\\x00%.0s' {1..9})
ones=$(printf '\\xff%.0s' {1..8})
start="\\x7fELF\\x02\\x01\\x01$zeros\\x02\\x00\\xb7\\x00"
mask="\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00$ones\\xfe\\xff\\xff\\xff"
emulated=":arm64:M::$start:$mask:$system/usr/bin/qemu-aarch64:PF"
inside /usr/lib/ld-linux-aarch64.so.1 --version >/dev/null 2>"$build/emulation.log" ||
  die 66 'programs for arm64 cannot be run here: that takes Linux 6.7, or the package qemu-user-binfmt on an older one'

# Fetched out here, where there may be a way to the packages' addresses that the system does not know.
for part in programs tests; do
  logged 70 "$build/$part.log" 'the packages could not be fetched' swift package --scratch-path "$build/$part" resolve
done
options=(-c release --swift-sdks-path /opt/sdks --swift-sdk arm64)
logged 70 "$build/programs.log" 'the programs could not be built' \
  inside swift build "${options[@]}" --scratch-path "$build/programs" --static-swift-stdlib \
  -Xswiftc "-ld-path=$root/pipelines/scripts/link.sh"
if [ $# -gt 0 ]; then
  status=0
  inside "$@" || status=$?
  exit "$status"
fi
logged 70 "$build/tests.log" 'the tests could not be built' \
  inside swift build "${options[@]}" --scratch-path "$build/tests" --build-tests -Xswiftc -enable-testing \
  -Xswiftc -use-ld=lld -Xlinker -rpath -Xlinker /opt/arm64/usr/lib/swift/linux

# ---------------------------------------------------------------------------------------------------- What they do

# row NAME LOG STATUS PASSED FAILED: of the table, and where to look if all is not well.
verdict=0
row() {
  printf '%s\t%s\t%s\n' "$1" "$4" "$5"
  if [ "$3" -ne 0 ] || [ "$4" -eq 0 ] || [ "$5" -ne 0 ]; then
    verdict=1
    say "$1: status $3, see $2"
  fi
}

# count PATTERN LOG
count() { grep -c -E "$1" "$2" || true; }

printf 'what\tpassed\tfailed\n'
log=$build/verify.log
status=0
inside pipelines/scripts/verify.sh >"$log" 2>&1 || status=$?
row verify.sh "$log" "$status" "$(count '^  .* ok$' "$log")" "$(count '^  .* (DIFFERS|FAILED)' "$log")"

log=$build/tests.run.log
status=0
which=(--skip PipelineTests)
[ -z "$tests" ] || which=(--filter "$tests")
inside "$build/tests/release/nn-toolsPackageTests.xctest" --testing-library swift-testing "${which[@]}" \
  >"$log" 2>&1 || status=$?
row tests "$log" "$status" "$(tests_that passed "$log" | wc -l)" "$(tests_that failed "$log" | wc -l)"
tests_that failed "$log" >&2
exit "$verdict"
