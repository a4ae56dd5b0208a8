"""Methods that nobody calls because their name is nearly that of a hook, and files that are not what they should be."""

import ast
import difflib
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.source import Source

HOOKS = (
    *("setup", "step", "select", "eval_weights", "batch_size", "on_eval", "done", "state_dict", "load_state_dict"),
    *("decay_groups", "no_sync", "horizon", "elapsed"),
)
SIMILAR = 0.8


def misspelt_hooks(source: Source) -> Iterator[Finding]:
    """Yields methods of a submission whose name is a hook's in another spelling."""
    for kind in (node for node in source.tree.body if isinstance(node, ast.ClassDef)):
        if not any((source.dotted(base) or "").split(".")[-1].endswith("Submission") for base in kind.bases):
            continue
        for method in (node for node in kind.body if isinstance(node, ast.FunctionDef)):
            plain = method.name.lower().replace("_", "")
            near = difflib.get_close_matches(plain, [hook.replace("_", "") for hook in HOOKS], n=1, cutoff=SIMILAR)
            if method.name not in HOOKS and not method.name.startswith("_") and near:
                hook = next(hook for hook in HOOKS if hook.replace("_", "") == near[0])
                yield source.finding(
                    "warning", method, f"defines {method.name}(), which the harness never calls", f"did you mean {hook}()?"
                )
