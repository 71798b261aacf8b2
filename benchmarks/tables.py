"""The medians as tables of Markdown."""

from rows import FUSED, RING

HEADS = {
    "examples": "examples",
    "batch": "batch",
    "width": "width of the hidden layer",
    "threads": "network, threads",
}


def short(value, unit=""):
    """Three digits."""
    if value is None:
        return ""
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def ratio(of, to, name=""):
    return f"{short(of / to)}× {name}".strip() if of and to else ""


def line(cells):
    return "| " + " | ".join(cells) + " |"


def main(done, peak, threads):
    """The table of all work."""
    heads = ["work", "unit", "`nn-train`", "ring of pipes", "PyTorch", "others"]
    heads += ["`nn-train` is faster by", "ring by"]
    if peak:
        heads.append("GFLOP/s, of the peak")
    result = [line(heads), line(["---"] * len(heads))]
    for row, figures in done:
        value = {name: by.get("value") for name, by in figures.items()}
        others = ", ".join(
            f"{name} {short(number)}"
            for name, number in value.items()
            if name not in (FUSED, RING, "PyTorch")
        )
        reference = value.get(row.reference)
        cells = [row.work, row.unit]
        cells += [short(value.get(name)) for name in (FUSED, RING, "PyTorch")] + [others]
        cells += [ratio(reference, value.get(name), row.reference) for name in (FUSED, RING)]
        if peak:
            rate = row.operations / value[FUSED] if row.operations and value.get(FUSED) else None
            cells.append(f"{rate / 1e9:.0f}, {100 * rate / peak / threads:.0f} %" if rate else "")
        result.append(line(cells))
    return result + whole(done)


def whole(done):
    """What the same training took as a whole program, where the programs made the same steps."""
    result = []
    for row, figures in done:
        if row.key not in ("mlp", "lenet"):
            continue
        walls = {name: by["whole"] for name, by in figures.items() if "whole" in by}
        if row.key == "lenet":
            walls.pop("JAX", None)
        text = ", ".join(f"{name} {short(wall, 's')}" for name, wall in walls.items())
        result.append(f"- {row.work.partition(',')[0].partition(' (')[0]}: {text}")
    if result:
        head = "Whole programs, with start, loading, compiling and writing, over the same epochs"
        return ["", f"{head} (MLP 3, LeNet-5 1):", "", *result]
    return []


def sweeps(done, peak, threads):
    """A table for each sweep."""
    result = []
    for table, head in HEADS.items():
        chosen = [(row, figures) for row, figures in done if row.table == table]
        if not chosen:
            continue
        heads = [head, "`nn-train`, s an epoch", "PyTorch, s an epoch", "faster by"]
        heads += ["`nn-train`, MiB", "PyTorch, MiB"]
        result += [""] if result else []
        result += [line(heads), line(["---"] * len(heads))]
        for row, figures in chosen:
            own, other = figures.get(FUSED, {}), figures.get("PyTorch", {})
            cells = [row.work, short(own.get("value")), short(other.get("value"))]
            cells.append(ratio(other.get("value"), own.get("value")))
            cells += [short(own.get("memory")), short(other.get("memory"))]
            result.append(line(cells))
    return result
