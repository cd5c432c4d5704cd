"""What the imports of each rule's script cost.

    python -m tests.benchmarks.imports --scripts prepare plot --root OTHER_CHECKOUT

Processor time of a Python that imports what the script imports, less that of one that imports nothing.
"""

import argparse
import ast
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from tests.benchmarks.markdown import markdown

ROOT = Path(__file__).parents[2]


def imports(script: Path) -> str:
    """The import statements of a script, wherever they stand."""
    nodes = ast.walk(ast.parse(script.read_text()))
    return "\n".join(ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def seconds(code: str, root: Path, repeats: int) -> float:
    """Least processor time of a program."""
    found = []
    for _ in range(repeats):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=root)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"failed: {code}")
        found.append(used.ru_utime + used.ru_stime)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scripts", nargs="+", help="names without .py; all where left out")
    parser.add_argument("--root", type=Path, default=ROOT, help="another checkout")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    nothing = seconds("", arguments.root, arguments.repeats)
    rows = []
    for script in sorted((arguments.root / "workflow/scripts").glob("*.py")):
        if not arguments.scripts or script.stem in arguments.scripts:
            code = imports(script)
            torch = subprocess.check_output(
                [sys.executable, "-c", f"{code}\nimport sys; print('torch' in sys.modules)"],
                cwd=arguments.root,
                text=True,
            )
            used = seconds(code, arguments.root, arguments.repeats) - nothing
            rows.append({"script": script.stem, "imports, s": round(used, 2), "torch": torch.strip()})
    print(markdown(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
