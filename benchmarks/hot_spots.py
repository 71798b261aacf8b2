"""Shows where nn-train's time goes: the share of each function, by `perf record`, on one thread.

usage: hot_spots.py [--train FILE --test FILE] [--folder DIR]

Trains the three networks of `make bench` for a while from an uncompressed dataset (one made up, if none is given).
Prints a table of Markdown and writes it to DIR/profile.md (build/bench). Needs perf (Debian: linux-perf), and swift for
readable names. NN_BIN names the folder of the tools, BENCH_ROWS the number of examples.
Exit: 0 done, 66 something is missing.
"""

import os
import re
import subprocess
import sys
import tempfile

import measure
from work import ROOT, Training, Work, arguments

NETWORKS = {"mlp": 2000, "lenet": 300, "cnn": 60}
# Functions below this share, in percent, of every network are added up.
LEAST = 1.0
# What foreign functions are for; the first pattern that fits.
LIBRARIES = (
    (r"libz|libdeflate|libisal", "gzip"),
    (r"libc\S* .*(memmove|memcpy|memset)", "copying and clearing memory"),
    (r"lib(c|pthread)\S* .*(malloc|free|calloc|alloc)", "allocating"),
    (r"libm", "exponentials and logarithms (libm)"),
    (r"kernel|vdso", "the system: pages, waiting"),
)


def readable(name):
    """A demangled Swift name without what the compiler added: Type.function (specialized for)."""
    name = re.sub(r"\((\w+) in _[0-9A-F]+\)", r"\1", name)
    name = re.sub(r"\(extension in \w+\):", "", name)
    specialized = re.search(r"generic specialization <(.*?)> of ", name)
    types = re.findall(r"(?!Swift\.)\b(?:\w+\.)+(\w+)", specialized[1]) if specialized else []
    types = [word for word in types if word not in ("Float", "Double", "Int", "String")]
    core = name.rpartition(" in ")[2].rpartition("> of ")[2]
    core = re.match(r"(?:[a-z ]+ for |static )?([\w.]+)", core)
    core = ".".join(core[1].split(".")[-2:]) if core else name[:60]
    return f"`{core}`" + (f" ({' '.join(types)})" if types else "")


def demangled(names):
    """Swift names by mangled ones; as they are where there is no swift."""
    names = sorted(names)
    try:
        outcome = subprocess.run(
            ["swift", "demangle", "-compact"],
            input="\n".join(names),
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(zip(names, outcome.stdout.splitlines()))
    except (OSError, subprocess.CalledProcessError):
        return {name: name for name in names}


def shares(work, network, steps, folder):
    """Percent of the samples by (object, symbol)."""
    job = Training(work, network, threads=1)
    steps = min(steps, 3 * job.steps_an_epoch)
    record = f"{folder}/perf.data"
    command = ["perf", "record", "-q", "-F", "499", "-o", record, f"{work.bin}/nn-train"]
    command += [job.data, "-m", job.model, "--rate", job.rate, "--epochs", str(job.epochs(steps))]
    command += ["--limit", str(steps), "-j", "1", "-o", work.path("trained.safetensors")]
    measure.run(command)
    report = ["perf", "report", "-i", record, "--stdio", "--no-children", "-t", "|"]
    output = measure.run([*report, "-F", "overhead,dso,symbol"]).output
    result = {}
    for line in output.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if not line.startswith("#") and len(fields) >= 3:
            name = (fields[1], re.sub(r"^\[.\] ", "", fields[2]))
            result[name] = result.get(name, 0) + float(fields[0].rstrip("%"))
    return result


def table(profiles):
    """Markdown: a line for every kernel, a column for every network."""
    symbols = {symbol for profile in profiles.values() for _, symbol in profile}
    names = demangled({symbol for symbol in symbols if symbol.startswith("$s")})
    kernels = {}
    for network, profile in profiles.items():
        for (library, symbol), share in profile.items():
            text = f"{library} {symbol}"
            known = (title for pattern, title in LIBRARIES if re.search(pattern, text))
            title = next(known, None)
            if library.startswith("nn-") or not title:
                title = readable(names[symbol]) if symbol in names else f"`{symbol}`"
            row = kernels.setdefault(title, dict.fromkeys(profiles, 0.0))
            row[network] += share
    large = {title: row for title, row in kernels.items() if max(row.values()) >= LEAST}
    rows = sorted(large.items(), key=lambda item: -sum(item[1].values()))
    rest = {
        network: sum(row[network] for title, row in kernels.items() if title not in large)
        for network in profiles
    }
    lines = [
        "| share of the samples, % | " + " | ".join(profiles) + " |",
        "| --- |" + " --- |" * len(profiles),
    ]
    for title, row in [*rows, (f"all below {LEAST:g} % each", rest)]:
        cells = (f"{row[network]:.1f}" if row[network] >= 0.05 else "" for network in profiles)
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def main():
    options = arguments(__doc__, f"{ROOT}/build/bench").parse_args()
    os.makedirs(options.folder, exist_ok=True)
    binaries = os.path.abspath(os.environ.get("NN_BIN") or f"{ROOT}/.build/release")
    with tempfile.TemporaryDirectory(prefix="data-", dir=options.folder) as folder:
        work = Work(folder, binaries, sys.executable, 1)
        try:
            work.data(options.train, options.test, int(os.environ.get("BENCH_ROWS") or 0) or None)
            lines = table({name: shares(work, name, n, folder) for name, n in NETWORKS.items()})
        except (measure.Failure, OSError, subprocess.SubprocessError) as error:
            print(f"hot_spots.py: {error}", file=sys.stderr)
            return 66
    with open(f"{options.folder}/profile.md", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
