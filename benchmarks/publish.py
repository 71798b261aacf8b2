"""Puts what `make bench` and hot_spots.py have measured into a page.

usage: publish.py PAGE [FOLDER]

Replaces what stands in PAGE between `<!-- begin NAME -->` and `<!-- end NAME -->` by FOLDER/NAME.md (build/bench), for
each NAME whose file is there.
Exit: 0 done, 64 usage, 66 no such page.
"""

import os
import re
import sys


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 64
    page, folder = sys.argv[1], (sys.argv + ["build/bench"])[2]
    if not os.path.exists(page):
        print(f"publish.py: {page}: no such file", file=sys.stderr)
        return 66

    def replaced(match):
        part = f"{folder}/{match[2]}.md"
        if not os.path.exists(part):
            return match[0]
        with open(part, encoding="utf-8") as file:
            return f"{match[1]}\n{file.read()}{match[4]}"

    with open(page, encoding="utf-8") as file:
        text = file.read()
    pattern = r"(<!-- begin (\w+) -->)(.*?)(<!-- end \2 -->)"
    with open(page + ".partial", "w", encoding="utf-8") as file:
        file.write(re.sub(pattern, replaced, text, flags=re.DOTALL))
    os.replace(page + ".partial", page)
    return 0


sys.exit(main())
