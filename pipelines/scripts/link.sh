#!/bin/sh
# The linker of `make build` on Linux: told before everything else to leave out the libraries that a tool does not
# use. (SwiftPM puts -Xlinker options behind the libraries, where --as-needed comes too late.)
for linker in ld.lld ld.gold; do
  if command -v "$linker" >/dev/null; then exec "$linker" --as-needed "$@"; fi
done
echo "link.sh: found neither ld.lld, which the Swift toolchain brings, nor ld.gold" >&2
exit 66
