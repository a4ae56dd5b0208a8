"""Lint: what a submission writes to that is not its own: modules, the model, what the runner gave it."""

import ast
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.source import Source

GIVEN = ("self.workload", "self.roles", "self.losses", "self.hp", "self.generator", "self.device")
WEIGHTS = ("data", "grad")
SWITCHES = {
    "p": ("error", "it changes dropout: the regularisation is the workload's"),
    "forward": ("error", "it changes what a module computes"),
    "__class__": ("error", "it changes what an object is"),
    "eps": ("warning", "a module's constant belongs to the workload"),
    "momentum": ("warning", "a module's constant belongs to the workload; running statistics may be re-estimated in eval_weights alone"),
    "track_running_stats": ("warning", "a module's setting belongs to the workload"),
}
BEHIND = ("__dict__", "_modules", "_parameters", "_buffers", "vars", "globals", "locals")
ADDS = ("add_module", "register_module", "register_buffer", "register_parameter")


def writes(source: Source) -> Iterator[Finding]:
    """Yields assignments to attributes of modules, of the model and of what the runner gave."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield from _written(source, node, node.value, node.attr)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            place = node.value.func if isinstance(node.value, ast.Call) else node.value
            name = place.attr if isinstance(place, ast.Attribute) else place.id if isinstance(place, ast.Name) else ""
            if name in BEHIND:
                yield source.finding("error", node, f"writes into {name}", "attributes are replaced behind the harness's back")
        elif isinstance(node, ast.Call):
            yield from _called(source, node)


def _written(source: Source, node: ast.expr, owner: ast.expr, name: str) -> Iterator[Finding]:
    base = source.dotted(owner) or ""
    whole = f"{base}.{name}"
    if source.is_imported(owner):
        if base.startswith("torch.backends"):
            yield source.finding(
                "warning", node, f"sets {whole}", "a setting of the whole process; it may not change what the model computes"
            )
        else:
            yield source.finding("error", node, f"replaces {whole}", "functions of modules are shared with the harness: write your own")
    elif whole == "self.model" or (f"{base}.".startswith("self.model.") and name not in (*WEIGHTS, "requires_grad")):
        yield source.finding("error", node, f"replaces {whole}", "the model is the workload's: change parameters' values alone")
    elif whole in GIVEN or any(f"{base}.".startswith(f"{given}.") for given in GIVEN[:3]):
        yield source.finding("warning", node, f"replaces {whole}", "it was given by the harness; nobody else sees the change")
    elif name in SWITCHES and not (isinstance(owner, ast.Name) and owner.id == "self" and name != "__class__"):
        level, advice = SWITCHES[name]
        yield source.finding("error" if level == "error" else "warning", node, f"sets .{name} of an object", advice)


def _called(source: Source, node: ast.Call) -> Iterator[Finding]:
    name = source.dotted(node.func) or ""
    last = node.func.attr if isinstance(node.func, ast.Attribute) else name
    own = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == "self"
    if name in ("setattr", "delattr") and node.args:
        attribute = node.args[1] if len(node.args) > 1 else None
        if isinstance(attribute, ast.Constant) and isinstance(attribute.value, str):
            found = list(_written(source, node, node.args[0], attribute.value))
            yield from found
            if found:
                return
        elif source.is_imported(node.args[0]) or f"{source.dotted(node.args[0])}.".startswith("self.model."):
            yield source.finding("error", node, f"{name} on {source.dotted(node.args[0])}", "it is not the submission's to change")
            return
        yield source.finding("warning", node, f"uses {name}", "a reader cannot see what is changed: write the assignment")
    elif last in ADDS and not own:
        yield source.finding("error", node, f"calls {last}", "the model is the workload's: nothing may be added to it")
    elif last.startswith("register_") and last.endswith("hook"):
        yield source.finding(
            "warning", node, f"calls {last}", "a hook may read, and use gradients; it may not change what a module returns"
        )
    elif name.startswith("self.model.") and last in ("eval", "train"):
        yield source.finding("warning", node, f"calls {name}", "it turns dropout and running statistics off and on: not while training")
    elif last in ("__setattr__", "__delattr__"):
        yield source.finding("error", node, f"calls {last}", "write the assignment, so that it can be read")
