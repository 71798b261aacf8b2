#!/usr/bin/env bash
# Makes sure that what the groups need is installed.
# shellcheck source-path=SCRIPTDIR source=tools.sh
. "$(dirname "$0")/tools.sh"

if [ $# -eq 0 ] || [ "$1" = --help ]; then
  cat <<'END'
usage: setup.sh GROUP…

Makes sure that the system packages of the groups (build, test, data, arm64: see packages.txt) are installed. Installs what is
missing with apt-get as root or with a sudo that asks no password, or with Homebrew. Otherwise says what to install.
Exit: 0 all is there, 66 something is missing.
END
  [ $# -gt 0 ] && exit 0 || exit 64
fi

# wanted COLUMN: the packages of the groups, from that column of packages.txt.
groups=" $* "
wanted() {
  awk -v groups="$groups" -v column="$1" \
    '/^[^#]/ && index(groups, " " $1 " ") && $column != "-" { print $column }' "$root/pipelines/scripts/packages.txt"
}

# without NAME…: the lines of standard input that are none of the names.
without() { grep -vxF -f <(printf '%s\n' "$@") || true; }

case $groups in
  *" build "*)
    command -v swift >/dev/null ||
      die 66 'swift is not on the PATH: install Swift 6.1 or newer from https://www.swift.org/install'
    ;;
esac

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  names=$(wanted 2)
  # shellcheck disable=SC2086,SC2016 # names are words; the format's dollars are dpkg-query's
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $names 2>/dev/null |
    sed -n 's/^installed //p' || true)
  # shellcheck disable=SC2086
  missing=$(without $installed <<<"$names")
  [ -n "$missing" ] || exit 0
  missing=$(tr '\n' ' ' <<<"$missing")
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || die 66 "please install what is missing: sudo apt-get install $missing"
    as_root=(sudo -n)
  fi
  say "installing $missing"
  install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0)
  # shellcheck disable=SC2086
  { ${as_root[@]+"${as_root[@]}"} "${install[@]}" update &&
    ${as_root[@]+"${as_root[@]}"} "${install[@]}" install --no-install-recommends $missing; } >&2 </dev/null ||
    die 66 "apt-get could not install $missing"
elif command -v brew >/dev/null; then
  names=$(wanted 3)
  # shellcheck disable=SC2046
  missing=$(without $(brew list -1) <<<"$names")
  [ -n "$missing" ] || exit 0
  # shellcheck disable=SC2086
  brew install $missing >&2 || die 66 "brew could not install $missing"
else
  die 66 "found neither apt-get nor Homebrew: please install what Debian calls $(wanted 2 | tr '\n' ' '), \
then run make SETUP=true"
fi
